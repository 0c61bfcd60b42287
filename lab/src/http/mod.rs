//! The HTTP server: one listener for all services. `dispatch` routes requests, `body` and `connection` apply faults to answers.

mod answer;
mod body;
mod connection;
mod control;
mod dispatch;

pub(crate) use answer::Answer;
pub(crate) use dispatch::Services;

use std::{io, net::SocketAddr, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use connection::{Connection, Control};

/// A running server; dropping it closes the listener and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves `services` on `listener`.
    pub(crate) fn start(listener: TcpListener, services: Arc<Services>) -> Self {
        Self {
            accepting: tokio::spawn(accept(listener, services)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Binds the listener and tells its address.
pub(crate) async fn bind(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(listener: TcpListener, services: Arc<Services>) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error of accept concerns the one connection that was given up meanwhile.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&services)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, services: Arc<Services>) {
    // Without effect on the answers if it fails.
    let _ = stream.set_nodelay(true);
    let control = Arc::new(Control::default());
    let connection = Connection::new(stream, Arc::clone(&control));
    let service = service_fn(move |request| {
        let services = Arc::clone(&services);
        let control = Arc::clone(&control);
        async move { services.serve(request, control).await }
    });
    // Errors are clients that went away, and injected resets.
    let _ = http1::Builder::new()
        .serve_connection(connection, service)
        .await;
}
