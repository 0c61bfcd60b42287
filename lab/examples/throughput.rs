//! Measures how fast the lab serves objects over loopback: `cargo run --release -p cloudweir-lab --example throughput`.
//!
//! A client as thin as possible, so that the figure is the lab's.

use std::{error::Error, time::Duration};

use cloudweir_lab::{Lab, LabOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

const CONNECTIONS: usize = 4;
const TIME: Duration = Duration::from_secs(3);
const OBJECT_BYTES: [usize; 3] = [120 * 1024, 1024 * 1024, 16 * 1024 * 1024];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let lab = Lab::start(LabOptions::default()).await?;
    lab.s3().create_bucket("bench")?;
    for bytes in OBJECT_BYTES {
        lab.s3().put("bench", "object", vec![b'x'; bytes])?;
        let start = Instant::now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(download(lab.address(), bytes, start + TIME)))
            .collect();
        let mut objects = 0;
        for client in clients {
            objects += client.await??;
        }
        let seconds = start.elapsed().as_secs_f64();
        let megabytes = (objects * bytes) as f64 / 1e6;
        println!(
            "{bytes:>9} bytes: {:.0} MB/s, {:.0} objects/s over {CONNECTIONS} connections",
            megabytes / seconds,
            objects as f64 / seconds
        );
    }
    Ok(())
}

/// Gets the object over one connection until the deadline, and counts how often.
async fn download(
    address: std::net::SocketAddr,
    bytes: usize,
    deadline: Instant,
) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    let mut buffer = vec![0; 256 * 1024];
    let mut objects = 0;
    while Instant::now() < deadline {
        stream
            .write_all(b"GET /bench/object HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await?;
        // The head ends within the first read of a server that writes head and body together.
        let mut read = stream.read(&mut buffer).await?;
        let head = memchr::memmem::find(&buffer[..read], b"\r\n\r\n")
            .ok_or(std::io::ErrorKind::InvalidData)?;
        let mut left = bytes + head + 4;
        loop {
            left = left
                .checked_sub(read)
                .ok_or(std::io::ErrorKind::InvalidData)?;
            if left == 0 {
                break;
            }
            read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        objects += 1;
    }
    Ok(objects)
}
