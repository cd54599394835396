//! A host of lists behind the Http ports for users' URLs: any answers, and any faults. What ends in `.internal` is in a
//! private network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use counterfoil::domain::Value;
use counterfoil::ports::http::{Http, HttpError, Request, Response};

/// What is at a URL.
#[derive(Clone)]
enum There {
    Answer(Response),
    /// With an entity tag: a request that names it is answered 304.
    Tagged(String, Response),
    Lost,
}

#[derive(Default)]
struct Shelf {
    there: BTreeMap<String, There>,
    asked: Vec<Request>,
}

#[derive(Clone, Default)]
pub(crate) struct Web {
    shelf: Arc<Mutex<Shelf>>,
    is_public: bool,
}

impl Web {
    /// The same, for those who may not call private networks.
    pub(crate) fn public(&self) -> Self {
        Self { is_public: true, ..self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answers(&self, url: &str, body: &Value) {
        self.says(url, 200, &[], &body.to_string());
    }

    pub(crate) fn says(&self, url: &str, status: u16, headers: &[(&str, &str)], body: &str) {
        let there = There::Answer(response(status, headers, body));
        self.lock().there.insert(url.to_owned(), there);
    }

    pub(crate) fn is_tagged(&self, url: &str, tag: &str, headers: &[(&str, &str)], body: &Value) {
        let headers: Vec<_> = [("etag", tag)].into_iter().chain(headers.iter().copied()).collect();
        let there = There::Tagged(tag.to_owned(), response(200, &headers, &body.to_string()));
        self.lock().there.insert(url.to_owned(), there);
    }

    pub(crate) fn loses(&self, url: &str) {
        self.lock().there.insert(url.to_owned(), There::Lost);
    }

    /// The requests since this was last asked.
    pub(crate) fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.lock().asked)
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Response { status, headers, body: body.as_bytes().to_vec() }
}

#[async_trait]
impl Http for Web {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if self.is_public && request.url.contains(".internal/") {
            return Err(HttpError::NotSent("no public address".into()));
        }
        let mut shelf = self.lock();
        let there = shelf.there.get(&request.url).cloned();
        let named =
            request.headers.iter().find(|(name, _)| name == "if-none-match").map(|(_, tag)| tag.clone());
        shelf.asked.push(request);
        match there {
            None => Ok(response(404, &[], "nothing is here")),
            Some(There::Answer(answer)) => Ok(answer),
            Some(There::Tagged(tag, _)) if named == Some(tag.clone()) => {
                Ok(response(304, &[("etag", &tag)], ""))
            }
            Some(There::Tagged(_, answer)) => Ok(answer),
            Some(There::Lost) => Err(HttpError::NoAnswer("connection reset".into())),
        }
    }
}
