//! Stands between a client and a gateway, and breaks connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Proxy {
    pub target: String,
    /// Connections so far.
    pub connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// The n-th connection ends when the gateway has sent `bytes[n]` of its answers; those
    /// after them stay.
    pub async fn start(gateway: &str, bytes: Vec<usize>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let target = listener.local_addr().expect("it is bound").to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, gateway) = (connections.clone(), gateway.to_string());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let limit = bytes.get(count.fetch_add(1, Ordering::SeqCst)).copied();
                let server = TcpStream::connect(&gateway).await.expect("the gateway is there");
                tokio::spawn(join(client, server, limit.unwrap_or(usize::MAX)));
            }
        });
        Proxy { target, connections }
    }
}

async fn join(client: TcpStream, server: TcpStream, limit: usize) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = copy(from_client, to_server, usize::MAX) => {}
        () = copy(from_server, to_client, limit) => {}
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, limit: usize) {
    let (mut buffer, mut copied) = ([0; 16 * 1024], 0);
    while copied < limit {
        let wanted = buffer.len().min(limit - copied);
        match from.read(&mut buffer[..wanted]).await {
            Ok(read) if read > 0 && to.write_all(&buffer[..read]).await.is_ok() => copied += read,
            _ => return,
        }
    }
}
