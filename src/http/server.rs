//! The server: bind, port, run. Binding apart from running lets tests start the real thing on port 0.

use super::client::Proxies;
use super::{access, operation_routes, request, routes};
use crate::service::{Role, Service};
use actix_web::dev::Server as ActixServer;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use rustls::ServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Time that requests and reading have to end after SIGTERM or SIGINT.
const DRAIN: Duration = Duration::from_secs(60);

/// A server that has its port.
pub struct Server {
    /// The port it listens on.
    pub port: u16,
    server: ActixServer,
    service: Service,
}

/// Takes an address; port 0 takes a free one. Speaks TLS if it is told how, and believes these proxies in front.
///
/// # Errors
/// If the address cannot be had.
pub fn bind(listen: SocketAddr, service: Service, tls: Option<ServerConfig>, proxies: Proxies) -> io::Result<Server> {
    let listener = TcpListener::bind(listen)?;
    let port = listener.local_addr()?.port();
    let (shared, proxies) = (web::Data::new(service.clone()), web::Data::new(proxies));
    let routes = if service.role() == Role::Worker { operation_routes } else { routes };
    let app = move || {
        let headers = DefaultHeaders::new()
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"))
            .add(("Referrer-Policy", "no-referrer"))
            .add(("Cross-Origin-Resource-Policy", "same-origin"))
            .add(("X-Frame-Options", "DENY"))
            // Claims are health data: no cache on the way may keep them.
            .add(("Cache-Control", "no-store"));
        App::new()
            .app_data(shared.clone())
            .app_data(proxies.clone())
            .wrap(from_fn(access::guard))
            .wrap(headers)
            .wrap(from_fn(request::trace))
            .configure(routes)
    };
    let server = HttpServer::new(app)
        .workers(2)
        .max_connections(1024)
        .client_request_timeout(Duration::from_secs(10))
        .keep_alive(Duration::from_secs(30))
        .shutdown_timeout(DRAIN.as_secs());
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(Server { port, server: server.run(), service })
}

impl Server {
    /// Stops the server from elsewhere.
    pub fn handle(&self) -> actix_web::dev::ServerHandle {
        self.server.handle()
    }

    /// Serves until SIGTERM or SIGINT, then lets requests and reading end and closes the store.
    ///
    /// # Errors
    /// If the server cannot go on.
    pub async fn run(self) -> io::Result<()> {
        tracing::info!(port = self.port, "listening");
        let ended = self.server.await;
        if self.service.drain(DRAIN).await {
            tracing::info!("everything that was being read has ended");
        } else {
            tracing::warn!("some reading did not end in time; it is taken up at the next start");
        }
        ended
    }
}
