//! What the API's document says of many routes alike, written into it in one place: who may take a route, how one shows
//! who one is, and what a route may answer whatever it is for.

use super::access::{May, Of, Rule, TABLE};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required, ResponseBuilder};

/// The header of [`super::actor`], and what stands in it.
const ACTOR: &str = "X-Claimlens-Actor";
const ACTOR_PATTERN: &str = "^[A-Za-z0-9_.-]{1,64}$";

/// Completes the document.
pub(super) struct Described;

impl utoipa::Modify for Described {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("clk_…").build();
        let cookie = ApiKeyValue::with_description("__Host-claimlens", "of POST /v1/session; `claimlens` on loopback");
        components.add_security_scheme("key", SecurityScheme::Http(key));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        for (path, item) in &mut document.paths.paths {
            let operations = [
                ("GET", &mut item.get),
                ("POST", &mut item.post),
                ("PUT", &mut item.put),
                ("DELETE", &mut item.delete),
            ];
            for (method, operation) in operations {
                let found = TABLE.iter().find(|rule| rule.method == method && plain(rule.path) == *path);
                if let (Some(operation), Some(rule)) = (operation, found) {
                    name(operation);
                    parameters(operation);
                    ask_who(operation, rule);
                    answers(operation, rule);
                }
            }
        }
    }
}

/// A path without what its parameters must look like.
fn plain(path: &str) -> String {
    let part = |part: &str| match part.split_once(':') {
        Some((name, _)) if part.starts_with('{') => format!("{name}}}"),
        _ => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Handlers of different floors bear the same names, such as `get`; in the document each name may stand once.
fn name(operation: &mut Operation) {
    if let (Some([tag]), Some(handler)) = (operation.tags.as_deref(), &mut operation.operation_id) {
        *handler = format!("{tag}_{handler}");
    }
}

/// A parameter may be left out, but there is no writing `null` into an address or a header.
fn parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else { continue };
        if let SchemaType::Array(types) = &schema.schema_type
            && let Some(only) = types.iter().find(|kind| **kind != Type::Null)
        {
            schema.schema_type = SchemaType::Type(only.clone());
        }
        if parameter.name == ACTOR {
            schema.pattern = Some(ACTOR_PATTERN.to_owned());
            // Where there are keys it counts for nothing, so that no request needs it.
            parameter.required = Required::False;
            parameter.description = Some("who asks, where there are no keys: a short opaque name".to_owned());
        }
    }
}

/// Who may, in words and as the schemes name it.
fn ask_who(operation: &mut Operation, rule: &Rule) {
    let May::Roles(roles) = rule.may else { return };
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    operation.security =
        Some(["key", "session"].map(|scheme| SecurityRequirement::new(scheme, names.iter().copied())).into());
    let told = operation.description.get_or_insert_default();
    *told = format!("{told}\n\nRoles: {}.", names.join(", ")).trim_start().to_owned();
}

/// What stands in its place, as everything in this document does.
fn here<T>(found: &RefOr<T>) -> Option<&T> {
    match found {
        RefOr::T(found) => Some(found),
        RefOr::Ref(_) => None,
    }
}

/// What the guard and the readers of parameters and bodies answer, unless the route tells of it in its own words.
fn answers(operation: &mut Operation, rule: &Rule) {
    let parameters: Vec<&Parameter> = operation.parameters.iter().flatten().filter_map(here).collect();
    let is_named = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    let is_asked = parameters.iter().any(|parameter| parameter.parameter_in == ParameterIn::Query);
    let body = operation.request_body.as_ref().and_then(here);
    let is_json = body.is_some_and(|body| body.content.contains_key("application/json"));
    let mut bad = Vec::new();
    let mut more = Vec::new();
    if is_named(ACTOR) {
        bad.push("`actor_invalid`");
    }
    if is_asked {
        bad.push("`bad_query`");
    }
    if is_json {
        bad.push("`body_invalid`: not JSON of this form");
        more.push(("413", "`body_too_large`".to_owned()));
        more.push(("415", "`not_json`".to_owned()));
    }
    if !bad.is_empty() {
        more.push(("400", bad.join("; ")));
    }
    if rule.of == Of::Claim {
        more.push(("410", "`claim_erased`: its content was erased".to_owned()));
    }
    if let May::Roles(_) = rule.may {
        more.push(("401", "`unauthenticated`: no key and no session, or one that opens nothing".to_owned()));
        let other =
            "`forbidden`: another role is needed, or one that sees all tenants; `cross_site`: sent by another site";
        more.push(("403", other.to_owned()));
        more.push(("429", "`rate_limited`: more than the key may; try again after `Retry-After`".to_owned()));
    }
    if matches!(rule.may, May::Roles(_)) || body.is_some() {
        more.push(("500", "`internal`: a fault of the service".to_owned()));
        let gone = "`store_unavailable`, `busy`, `closing`: try again after `Retry-After`";
        more.push(("503", gone.to_owned()));
    }
    for (status, words) in more {
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let answer = ResponseBuilder::new().description(words).content("application/problem+json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| answer.into());
    }
    // Before any route is asked, and so of each.
    let unsound = ResponseBuilder::new().description("what came is no HTTP; nothing more is said").build();
    operation.responses.responses.entry("400".to_owned()).or_insert_with(|| unsound.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ApiDocument;
    use std::collections::BTreeSet;
    use utoipa::OpenApi as _;

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = ApiDocument::openapi();
        let operations = document.paths.paths.values().flat_map(|item| [&item.get, &item.post, &item.delete]);
        let names: Vec<&String> = operations.flatten().filter_map(|one| one.operation_id.as_ref()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        assert!(names.iter().any(|name| *name == "claims_submit"), "{names:?}");
    }

    #[test]
    fn a_pattern_is_told_as_the_document_has_it() {
        for (path, told) in [
            ("/", "/"),
            ("/v1/photos:check", "/v1/photos:check"),
            ("/v1/audit/tile/{tile:.*}", "/v1/audit/tile/{tile}"),
            ("/v1/claims/{id}/photos/{n}/{picture}", "/v1/claims/{id}/photos/{n}/{picture}"),
        ] {
            assert_eq!(plain(path), told);
        }
    }
}
