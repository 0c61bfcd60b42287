//! `cloudweir-lab receive`: the line receiver until SIGINT or SIGTERM, then its counts.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use cloudweir_lab::{ClientAuth, Receiver, ReceiverOptions, Record, TlsOptions};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Directory with server.crt, server.key and chain.crt, as `certs` writes them; plain TCP without
    #[arg(long)]
    tls_dir: Option<PathBuf>,
    /// Accept clients without a certificate too
    #[arg(long, requires = "tls_dir")]
    client_optional: bool,
    /// File to append the lines to; without it they are only counted
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let mut tls = arguments
        .tls_dir
        .as_deref()
        .map(TlsOptions::from_dir)
        .transpose()?;
    if let Some(tls) = tls.as_mut()
        && arguments.client_optional
    {
        tls.client_auth = ClientAuth::Optional;
    }
    let receiver = Receiver::start(ReceiverOptions {
        listen: SocketAddr::new(arguments.host, arguments.port),
        tls,
        record: arguments.out.map_or(Record::Discard, Record::Append),
        ..ReceiverOptions::default()
    })
    .await?;
    let stopped = super::stopped()?;
    println!("{}", receiver.address());
    stopped.await;
    let totals = receiver.totals();
    println!(
        "{} lines, {} bytes over {} connections",
        totals.lines,
        totals.bytes,
        receiver.connections().len()
    );
    Ok(())
}
