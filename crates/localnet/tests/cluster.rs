//! Against a real validator. `BALLAST_NO_CLUSTER=1` skips it.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::system_instruction;
use ballast_localnet::{Cluster, ClusterOptions, Preloaded};
use ballast_state::next_expiry;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whether tests may start a validator.
fn skipped() -> bool {
    let skipped = std::env::var_os("BALLAST_NO_CLUSTER").is_some_and(|value| value == "1");
    if skipped {
        println!("skipped: BALLAST_NO_CLUSTER=1");
    }
    skipped
}

#[tokio::test]
async fn a_cluster_lives_through_an_expiry_with_accounts_of_its_own() {
    if skipped() {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expiry = next_expiry(now.as_secs() as i64);
    let mint = Keypair::new();
    let preloaded = Preloaded {
        key: Pubkey::new_unique(),
        lamports: 5_000_000,
        owner: ballast::ID,
        data: vec![1, 2, 3],
    };
    let options = ClusterOptions {
        mint: Some(mint.pubkey()),
        accounts: vec![preloaded.clone()],
        start_time: Some(expiry - 15),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await.unwrap();
    let connection = cluster.connection();

    let found = connection
        .accounts(&[preloaded.key, ballast::ID])
        .await
        .unwrap();
    let (owner, account) = found[0].as_ref().unwrap();
    assert_eq!((owner, &account.data), (&preloaded.owner, &preloaded.data));
    assert!(found[1].is_some());

    let (began, start) = (connection.time().await.unwrap().unix, Instant::now());
    assert!((expiry - 15..expiry).contains(&began), "{}", began - expiry);
    let transfer =
        system_instruction::transfer(&mint.pubkey(), &Pubkey::new_unique(), 1_000_000_000);
    connection.send(&[transfer], &[&mint]).await.unwrap();
    let ended = loop {
        let time = connection.time().await.unwrap().unix;
        if time >= expiry {
            break time;
        }
        assert!(start.elapsed() < Duration::from_secs(40));
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    // The cluster's seconds are ours.
    let apart = ended - began - start.elapsed().as_secs() as i64;
    assert!((-3..=3).contains(&apart), "{apart}");

    // Several at once, and nothing is left behind.
    let second = Cluster::start(ClusterOptions::default()).await.unwrap();
    assert_ne!(second.url(), cluster.url());
    let folder = cluster.folder().to_owned();
    cluster.stop();
    assert!(!folder.exists());
    assert!(connection.time().await.is_err());
    assert!(second.connection().time().await.is_ok());
}
