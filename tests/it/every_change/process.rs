//! A process: it polls, or does what a person asks of it, as far as its life reaches, and notes when it read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use counterfoil::flow::Stack;
use counterfoil::ports::Ports;
use counterfoil::ports::http::{Http, HttpError, Request, Response};
use counterfoil::runtime::pump;

use super::model::{Look, Moment};
use super::people::People;
use crate::trouble::{Life, mortal_ports};
use crate::world::new_stack;

pub(super) struct Process {
    pub(super) stack: Stack,
    pub(super) life: Arc<Life>,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl Process {
    /// `busy`: while it is set, somebody acts after each page that is read.
    pub(super) fn new(ports: Ports, life: Arc<Life>, people: &Arc<People>, busy: &Arc<AtomicBool>) -> Self {
        let moments = Arc::<Mutex<Vec<Moment>>>::default();
        let watching = Watching {
            inner: Arc::clone(&ports.http),
            people: Arc::clone(people),
            moments: Arc::clone(&moments),
            busy: Arc::clone(busy),
        };
        let ports = Ports { http: Arc::new(watching), ..ports };
        Self { stack: new_stack(&mortal_ports(ports, &life)), life, moments }
    }

    /// Works off the wake-ups of a trigger. `None`: nothing had woken it.
    pub(super) async fn polls(&self, trigger: &str) -> Option<Look> {
        let began = self.stack.ports.clock.now();
        let outcome = self.life.live(pump::wakes(&self.stack, trigger)).await;
        let ended_well = match outcome {
            Some(Ok(None)) => return None,
            Some(Ok(Some(report))) => {
                let less = report.busy + report.put_off + report.unfinished + report.went_on;
                report.failures.is_empty() && less == 0
            }
            Some(Err(_)) | None => false,
        };
        let moments = std::mem::take(&mut *self.moments.lock().expect("the moments"));
        Some(Look { began, moments, ended_well, looks_back: false })
    }

    /// Before and after each page that it has read since the last poll.
    pub(super) fn moments(&self) -> Vec<Moment> {
        self.moments.lock().expect("the moments").clone()
    }
}

/// Notes when pages are read, and lets people act between them.
struct Watching {
    inner: Arc<dyn Http>,
    people: Arc<People>,
    moments: Arc<Mutex<Vec<Moment>>>,
    busy: Arc<AtomicBool>,
}

#[async_trait]
impl Http for Watching {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_page = request.url.contains("/query") || request.url.contains("/api.xro/");
        if !is_page {
            return self.inner.send(request).await;
        }
        let before = self.people.now();
        let answer = self.inner.send(request).await;
        self.moments.lock().expect("the moments").extend([before, self.people.now()]);
        if self.busy.load(Ordering::SeqCst) {
            self.people.meddle();
        }
        answer
    }
}
