//! Scratch.
#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .with_env_filter("info")
        .with_ansi(false)
        .init();
    let text = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let config = ballast_keeper::Config::parse(&text).unwrap();
    let mut term =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    ballast_keeper::run(config, Default::default(), async move {
        term.recv().await;
    })
    .await
    .unwrap();
}
