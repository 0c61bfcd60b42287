//! `cloudweir-lab serve`: the emulator until SIGINT or SIGTERM.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use cloudweir_lab::{AccessKey, Lab, LabOptions, Role};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// The account that owns everything
    #[arg(long, default_value = "123456789012")]
    account: String,
    /// The region of queues and buckets
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Accept only this access key; may be repeated. Without it every key is accepted
    #[arg(long = "access-key", value_name = "ID")]
    access_keys: Vec<String>,
    /// Let only this role be assumed; may be repeated. Without it every role can be
    #[arg(long = "role", value_name = "ARN[,EXTERNAL_ID]")]
    roles: Vec<String>,
}

fn access_key(account: &str, id: String) -> AccessKey {
    AccessKey {
        arn: format!("arn:aws:iam::{account}:user/{}", id.to_lowercase()),
        user_id: format!("AIDA{id}"),
        id,
    }
}

fn role(text: &str) -> Role {
    let (arn, external_id) = match text.split_once(',') {
        Some((arn, external_id)) => (arn, Some(external_id.to_owned())),
        None => (text, None),
    };
    Role {
        arn: arn.to_owned(),
        external_id,
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let account = arguments.account;
    let keys = arguments.access_keys.into_iter();
    let lab = Lab::start(LabOptions {
        listen: SocketAddr::new(arguments.host, arguments.port),
        access_keys: keys.map(|id| access_key(&account, id)).collect(),
        roles: arguments.roles.iter().map(|text| role(text)).collect(),
        account,
        region: arguments.region,
        ..LabOptions::default()
    })
    .await?;
    let stopped = super::stopped()?;
    println!("{}", lab.endpoint());
    stopped.await;
    Ok(())
}
