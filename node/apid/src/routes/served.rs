//! Operations and what serves them. Routes are made here and nowhere else, from the list in `api/types`, so that the document of the API is about this program.

use crate::Shared;
use ampoule_api_types::operation::{Method, Operation};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use std::sync::Arc;

/// Routes and the operations they stand for.
#[derive(Default)]
pub(super) struct Served {
    router: Router<Arc<Shared>>,
    operations: Vec<&'static Operation>,
}

impl Served {
    /// Answers an operation with `handler`.
    pub(super) fn serve<H, T>(mut self, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        self.router = self.router.route(operation.path, on(filter(operation.method), handler));
        self.operations.push(operation);
        self
    }

    /// With what another noun serves.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// The routes.
    pub(super) fn router(self) -> Router<Arc<Shared>> {
        self.router
    }

    /// The operations.
    #[cfg(test)]
    pub(super) fn operations(&self) -> &[&'static Operation] {
        &self.operations
    }
}

/// A GET route answers HEAD too (RFC 9110, section 9.3.2).
fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Patch => MethodFilter::PATCH,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
    }
}
