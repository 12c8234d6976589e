//! Decoding and reading in a process of its own that can do nothing else.
//!
//! Photos come from strangers, and decoders are where strangers' bytes break programs. So they run in a child of this
//! program, which loads what it needs, locks itself in and only then sees a photo: no file, no socket, no other process,
//! no program to run, so much memory and no more. What it answers is believed no further than the answer of a reader is.
//!
//! - [`keeper`]: this side: starts children, asks them within a deadline, starts another when one dies.
//! - [`child`]: the other side: loads, locks itself in, answers.
//! - [`locks`]: what keeps it in: limits, landlock, seccomp.
//! - [`escapes`]: what somebody who has taken a child over would try; all of it has to be denied.
//! - [`wire`]: what the two say to each other.
//!
//! A child that dies, hangs or talks nonsense costs the photo at which it did so: that one goes to a person. Others that
//! it was reading are read again.

pub mod child;
pub mod escapes;
pub mod keeper;
pub mod locks;
mod wire;

pub use keeper::{ChildDecoder, ChildReader, Keeper, Program};
pub use locks::{Layers, Locks};
