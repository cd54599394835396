//! TLS for the stand-ins, on the port that answers plain HTTP as well: official clients insist on https for some
//! addresses, and everything else stays as easy to reach as it was.
//!
//! A connection's first byte tells which it is. Requests that came over TLS carry `X-Forwarded-Proto: https`, as behind
//! any proxy that ends TLS: the stand-ins build their addresses from it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A TLS connection begins with a handshake record. <https://www.rfc-editor.org/rfc/rfc8446#section-5.1>
const HANDSHAKE: u8 = 0x16;
/// So many connections may be ready before the server takes them.
const READY: usize = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct TlsFiles {
    /// Answer TLS as well, on the same ports, with this certificate and its chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsFiles {
    /// `None`: plain HTTP only.
    pub(crate) fn read(&self) -> anyhow::Result<Option<Arc<ServerConfig>>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .with_context(|| format!("{} can't be read as certificates", certificate.display()))?;
        let private_key = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("{} can't be read as a private key", key.display()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private_key)
            .with_context(|| {
                format!("{} and {} don't belong together", certificate.display(), key.display())
            })?;
        Ok(Some(Arc::new(config)))
    }
}

/// Serves both on one port.
pub(crate) async fn serve(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
) -> std::io::Result<()> {
    let router = router.layer(from_fn(name_the_scheme));
    axum::serve(Door::open(listener, config)?, router.into_make_service_with_connect_info::<Scheme>()).await
}

async fn name_the_scheme(
    ConnectInfo(scheme): ConnectInfo<Scheme>,
    mut request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    if scheme == Scheme::Https {
        request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
    }
    Ok(next.run(request).await)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Connected<IncomingStream<'_, Door>> for Scheme {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        match stream.io() {
            Stream::Plain(_) => Self::Http,
            Stream::Tls(_) => Self::Https,
        }
    }
}

/// Connections whose handshake is done, so that a slow one holds up nobody.
struct Door {
    ready: mpsc::Receiver<(Stream, SocketAddr)>,
    address: SocketAddr,
}

impl Door {
    fn open(listener: TcpListener, config: Arc<ServerConfig>) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY);
        tokio::spawn(admit(listener, TlsAcceptor::from(config), sender));
        Ok(Self { ready, address })
    }
}

/// Until nobody takes connections any more.
async fn admit(mut listener: TcpListener, acceptor: TlsAcceptor, sender: mpsc::Sender<(Stream, SocketAddr)>) {
    loop {
        let (stream, address) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = sender.closed() => return,
        };
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            // A client that hangs up or whose TLS isn't ours is gone; it knows why.
            if let Ok(stream) = Stream::begin(stream, &acceptor).await {
                let _ = sender.send((stream, address)).await;
            }
        });
    }
}

impl Listener for Door {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The runtime is ending, and this task with it.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    async fn begin(stream: TcpStream, acceptor: &TlsAcceptor) -> std::io::Result<Self> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        match first {
            [HANDSHAKE] => Ok(Self::Tls(Box::new(acceptor.accept(stream).await?))),
            _ => Ok(Self::Plain(stream)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
