//! Another plan while everything runs: what has changed is replaced, nothing is lost, and a plan that
//! cannot be had changes nothing.

use std::sync::atomic::{AtomicI64, AtomicUsize};

use nettally_source::{Event, LossReason, UsageBatch};

use super::*;
use crate::topology::status::SinkStatus as _;

/// Bytes that the sources of a test have sent, and their clock.
#[derive(Debug, Default)]
struct World {
    sent_bytes: AtomicI64,
    seconds: AtomicI64,
    builds: AtomicUsize,
}

/// Sends a window of 10 bytes whenever it can, and a last one.
#[derive(Clone, Debug)]
struct Busy {
    world: Arc<World>,
    filter: &'static str,
}

impl PartialEq for Busy {
    fn eq(&self, other: &Self) -> bool {
        self.filter == other.filter
    }
}

#[async_trait]
impl SourceConfig for Busy {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn build(&self, mut cx: SourceContext) -> nettally_source::Result<Source> {
        if self.filter == "bad" {
            return Err("the kernel refuses".into());
        }
        self.world.builds.fetch_add(1, Ordering::SeqCst);
        // Loading takes its time, in which nothing is counted.
        self.world.seconds.fetch_add(5, Ordering::SeqCst);
        let world = Arc::clone(&self.world);
        Ok(async move {
            let mut is_last = false;
            loop {
                let number = world.seconds.fetch_add(1, Ordering::SeqCst);
                let usage = [row("curl", Protocol::Tcp, 1).moved(10, 1)];
                let events = vec![Event::Usage(Arc::new(batch(number, usage)))];
                cx.out.send_batch(events).await.map_err(drop)?;
                world.sent_bytes.fetch_add(10, Ordering::SeqCst);
                if is_last {
                    return Ok(());
                }
                tokio::select! {
                    () = &mut cx.shutdown => is_last = true,
                    () = tokio::time::sleep(Duration::from_millis(2)) => {}
                }
            }
        }
        .boxed())
    }
}

/// Keeps what it gets.
#[derive(Clone, Debug)]
struct Keeping {
    option: &'static str,
    file: Option<PathBuf>,
    builds: Arc<AtomicUsize>,
    taken: Arc<Mutex<Vec<Arc<UsageBatch>>>>,
}

impl PartialEq for Keeping {
    fn eq(&self, other: &Self) -> bool {
        self.option == other.option && self.file == other.file
    }
}

impl Keeping {
    fn new(option: &'static str) -> Self {
        Self {
            option,
            file: None,
            builds: Arc::default(),
            taken: Arc::default(),
        }
    }

    fn with(&self, option: &'static str) -> Self {
        Self {
            option,
            ..self.clone()
        }
    }

    fn sent_bytes(&self) -> i64 {
        let taken = self.taken.lock().unwrap();
        let rows = taken.iter().flat_map(|batch| &batch.usage);
        rows.map(|row| row.sent_bytes.cast_signed()).sum()
    }

    fn builds(&self) -> usize {
        self.builds.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl BuildSink for Keeping {
    fn type_name(&self) -> &'static str {
        "keeping"
    }

    fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    async fn build(
        &self,
        _key: ComponentKey,
        _ending: ShutdownSignal,
    ) -> nettally_source::Result<BuiltSink> {
        if self.option == "bad" {
            return Err("there is no such server".into());
        }
        self.builds.fetch_add(1, Ordering::SeqCst);
        Ok(BuiltSink {
            sink: Box::new(self.clone()),
            delivery: None,
        })
    }
}

#[async_trait]
impl StreamSink for Keeping {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> Result<(), ()> {
        while let Some(event) = input.next().await {
            if let Event::Usage(batch) = event {
                self.taken.lock().unwrap().push(batch);
            }
        }
        Ok(())
    }
}

struct Bench {
    world: Arc<World>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            world: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn plan(&self, filter: &'static str, sinks: Vec<SinkPlan>) -> Plan {
        let source = Busy {
            world: Arc::clone(&self.world),
            filter,
        };
        Plan {
            sources: vec![SourcePlan {
                name: "network".to_owned(),
                config: Box::new(source),
            }],
            sinks,
            api: None,
            data_dir: self.folder.path().to_owned(),
            databases: Vec::new(),
            shutdown_deadline: Duration::from_secs(10),
            shown: serde_json::Value::Null,
        }
    }

    fn sent_bytes(&self) -> i64 {
        self.world.sent_bytes.load(Ordering::SeqCst)
    }

    /// Some windows later.
    async fn a_while(&self) {
        let until = self.sent_bytes() + 100;
        while self.sent_bytes() < until {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn changes(running: &mut Running, plan: Plan) -> String {
    running.apply(plan).await.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_changed_keeps_running_and_what_has_loses_nothing() {
    let bench = Bench::new();
    let (stays, changing, goes) = (Keeping::new("a"), Keeping::new("a"), Keeping::new("a"));
    let comes = Keeping::new("a");
    let sinks = vec![
        sink("stays", stays.clone()),
        sink("changing", changing.clone()),
        sink("goes", goes.clone()),
    ];
    let mut running = start(bench.plan("all", sinks), noon).await.unwrap();
    bench.a_while().await;
    let same = vec![
        sink("stays", stays.clone()),
        sink("changing", changing.clone()),
        sink("goes", goes.clone()),
    ];
    assert_eq!(
        changes(&mut running, bench.plan("all", same)).await,
        "nothing has changed"
    );
    for option in ["b", "c"] {
        bench.a_while().await;
        let other = vec![
            sink("stays", stays.clone()),
            sink("changing", changing.with(option)),
            sink("comes", comes.clone()),
        ];
        let said = changes(&mut running, bench.plan("all", other)).await;
        assert!(
            said.starts_with("the sink `changing` was changed"),
            "{said}"
        );
        let more = ", the sink `comes` was added, the sink `goes` was removed";
        assert_eq!(said.contains(more), option == "b", "{said}");
    }
    bench.a_while().await;
    running.join(async {}).await.unwrap();
    let sent = bench.sent_bytes();
    assert_eq!((stays.sent_bytes(), changing.sent_bytes()), (sent, sent));
    let builds = [&stays, &changing, &goes, &comes].map(Keeping::builds);
    assert_eq!(builds, [1, 3, 1, 1]);
    assert!((100..sent).contains(&goes.sent_bytes()));
    assert!((100..sent).contains(&comes.sent_bytes()));
    assert_eq!(bench.world.builds.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_options_change_has_every_byte() {
    let bench = Bench::new();
    let path = bench.folder.path().join("n.db");
    let history = |flush_interval_secs| {
        let config = SqliteConfig {
            path: Some(path.clone()),
            flush_interval_secs,
            ..SqliteConfig::default()
        };
        SinkKind::Sqlite(config)
    };
    let mut running = start(
        bench.plan("all", vec![sink("history", history(600.0))]),
        noon,
    )
    .await
    .unwrap();
    for (name, flush_interval_secs) in [("history", 0.1), ("renamed", 0.1), ("history", 600.0)] {
        bench.a_while().await;
        let sinks = vec![sink(name, history(flush_interval_secs))];
        changes(&mut running, bench.plan("all", sinks)).await;
    }
    running.join(async {}).await.unwrap();
    let stored = stored_until(&path, 1_000_000);
    assert_eq!(stored.0.cast_signed(), bench.sent_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_delivers_its_last_window_and_the_gap_is_told() {
    let bench = Bench::new();
    let keeping = Keeping::new("a");
    let sinks = || vec![sink("keeping", keeping.clone())];
    let mut running = start(bench.plan("all", sinks()), noon).await.unwrap();
    bench.a_while().await;
    let said = changes(&mut running, bench.plan("some", sinks())).await;
    assert_eq!(said, "the source `network` was changed");
    bench.a_while().await;
    let gaps = running.sources[0].routes.gaps();
    running.join(async {}).await.unwrap();
    assert_eq!(keeping.sent_bytes(), bench.sent_bytes());
    assert_eq!((keeping.builds(), gaps.count, gaps.seconds), (1, 1, 5.0));
    let taken = keeping.taken.lock().unwrap();
    let told: Vec<_> = taken
        .iter()
        .filter(|batch| batch.losses.get(LossReason::SourceRestarted).events == 1)
        .map(|batch| batch.window)
        .collect();
    assert_eq!(told, [gaps.last.unwrap()]);
    for pair in taken.windows(2) {
        assert_eq!(pair[0].window.end, pair[1].window.start);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_changes_nothing() {
    let bench = Bench::new();
    let file = bench.folder.path().join("file");
    let keeping = Keeping {
        file: Some(file),
        ..Keeping::new("a")
    };
    let beside = Keeping::new("a");
    let sinks = |keeping: &Keeping, beside: &Keeping| {
        vec![
            sink("keeping", keeping.clone()),
            sink("beside", beside.clone()),
        ]
    };
    let mut running = start(bench.plan("all", sinks(&keeping, &beside)), noon)
        .await
        .unwrap();
    let cases = [
        // Beside the one that runs; in the place of one that has a file; after all that.
        (
            "all",
            keeping.clone(),
            beside.with("bad"),
            "the sink `beside`: there is no such server",
        ),
        (
            "all",
            keeping.with("bad"),
            beside.with("b"),
            "the sink `keeping`: there is no",
        ),
        (
            "bad",
            keeping.with("b"),
            beside.with("b"),
            "the source `network`: the kernel refuses",
        ),
    ];
    for (filter, keeping, beside, expected) in cases {
        bench.a_while().await;
        let plan = bench.plan(filter, sinks(&keeping, &beside));
        let error = running.apply(plan).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(expected), "{error}");
    }
    bench.a_while().await;
    let names: Vec<_> = running
        .roster
        .sinks()
        .iter()
        .map(|sink| sink.name().to_owned())
        .collect();
    assert_eq!(names, ["keeping", "beside"]);
    assert!(running.crippled.is_empty());
    running.join(async {}).await.unwrap();
    let sent = bench.sent_bytes();
    assert_eq!((keeping.sent_bytes(), beside.sent_bytes()), (sent, sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_moves_and_says_what_became_of_the_configuration() {
    let bench = Bench::new();
    let keeping = Keeping::new("a");
    let plan = |address: &str, keeping: &Keeping| {
        let mut plan = bench.plan("all", vec![sink("keeping", keeping.clone())]);
        plan.api = (!address.is_empty()).then(|| api(address.parse().unwrap()));
        plan
    };
    let port = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let (first, second) = (port(), port());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut running = start(plan(&first, &keeping), noon).await.unwrap();
    assert_eq!(running.page().unwrap().to_string(), first);

    let in_use = plan(&taken.local_addr().unwrap().to_string(), &keeping);
    assert!(running.apply(in_use).await.is_err());
    ask(first.parse().unwrap(), "/api/v1/health").await;
    // The new place is given up again with the rest.
    assert!(
        running
            .apply(plan(&second, &keeping.with("bad")))
            .await
            .is_err()
    );
    ask(first.parse().unwrap(), "/api/v1/health").await;

    let said = changes(&mut running, plan(&second, &keeping)).await;
    assert_eq!(said, "the API was changed");
    assert!(TcpStream::connect(&first).await.is_err());
    let page = running.page().unwrap();
    assert_eq!(page.to_string(), second);

    let (send, orders) = tokio::sync::mpsc::channel(1);
    let orders = futures::stream::unfold(orders, async |mut orders| {
        Some((orders.recv().await?, orders))
    });
    let obeying = tokio::spawn(running.obey(orders));
    for (order, result) in [
        (Err(anyhow::anyhow!("line 3: not YAML")), "refused"),
        (Ok(Box::new(plan(&second, &keeping.with("b")))), "applied"),
    ] {
        send.send(crate::app::Order::Reload(order)).await.unwrap();
        let reload = loop {
            let health = ask(page, "/api/v1/health").await;
            if health["reload"]["last"]["result"] == result {
                break health["reload"].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let words = if result == "refused" {
            "line 3: not YAML"
        } else {
            "the sink `keeping` was changed"
        };
        assert_eq!(reload["last"]["message"], words);
    }
    let counts = ask(page, "/api/v1/health").await["reload"].clone();
    assert_eq!(
        (&counts["applied"], &counts["refused"]),
        (&json!(1), &json!(1))
    );
    send.send(crate::app::Order::Reload(Ok(Box::new(plan("", &keeping)))))
        .await
        .unwrap();
    while TcpStream::connect(page).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(send);
    obeying.await.unwrap().unwrap();
    assert_eq!(keeping.sent_bytes(), bench.sent_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_the_page_away_together_with_a_mistake_changes_nothing() {
    let bench = Bench::new();
    let keeping = Keeping::new("a");
    let mut first = bench.plan("all", vec![sink("keeping", keeping.clone())]);
    first.api = Some(api("127.0.0.1:0".parse().unwrap()));
    let mut running = start(first, noon).await.unwrap();
    let page = running.page().unwrap();
    // The address of the plan as it is now, which is what would be opened again.
    running.api = Some(api(page));
    let wrong = bench.plan("all", vec![sink("keeping", keeping.with("bad"))]);
    assert!(running.apply(wrong).await.is_err());
    assert_eq!(running.crippled, Vec::<String>::new());
    ask(page, "/api/v1/health").await;
    running.join(async {}).await.unwrap();
    assert_eq!(keeping.sent_bytes(), bench.sent_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_deadline_alone_is_told() {
    let bench = Bench::new();
    let keeping = Keeping::new("a");
    let plan = |seconds| {
        let mut plan = bench.plan("all", vec![sink("keeping", keeping.clone())]);
        plan.shutdown_deadline = Duration::from_secs(seconds);
        plan
    };
    let mut running = start(plan(10), noon).await.unwrap();
    assert_eq!(changes(&mut running, plan(10)).await, "nothing has changed");
    let said = changes(&mut running, plan(20)).await;
    assert_eq!(said, "the deadline was changed");
    running.join(async {}).await.unwrap();
}

/// What a change took out may still be at work when the end comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_sink_that_misses_the_end_is_named() {
    let bench = Bench::new();
    let keeping = Keeping::new("a");
    let both = vec![
        sink("keeping", keeping.clone()),
        sink("hangs", Misbehaving::NeverEnds),
    ];
    let mut running = start(bench.plan("all", both), noon).await.unwrap();
    let mut one = bench.plan("all", vec![sink("keeping", keeping.clone())]);
    one.shutdown_deadline = Duration::from_secs(1);
    running.apply(one).await.unwrap();
    let error = running.join(async {}).await.unwrap_err();
    assert!(
        error.to_string().contains("the sink `hangs` did not end"),
        "{error}"
    );
    assert_eq!(keeping.sent_bytes(), bench.sent_bytes());
}

/// The server that the old configuration named is dead: what waits goes to the new one.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_dead_server_goes_to_the_one_that_is_named_next() {
    let bench = Bench::new();
    let gone = listener().await.local_addr().unwrap();
    let take = http_sink::testing::Answer::Say(200);
    let server = FakeServer::start(listener().await, None, [], take);
    let web = |uri: String| {
        let yaml = format!(
            "sinks:\n  web: {{ type: http, uri: '{uri}', batch: {{ max_events: 1 }}, \
             buffer_windows: 5 }}\n"
        );
        let config = config::parse(&yaml, "test", &Overrides::default()).unwrap();
        let mut plan = bench.plan("all", Plan::from(config).sinks);
        plan.shutdown_deadline = Duration::from_secs(1);
        plan
    };
    let mut running = start(web(format!("http://{gone}/in")), noon).await.unwrap();
    for _ in 0..3 {
        bench.a_while().await;
    }
    changes(&mut running, web(server.uri())).await;
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    let late = std::mem::take(&mut running.retiring).finish(patience).await;
    assert_eq!(late, Vec::<String>::new());
    let status = Arc::clone(&running.sinks[0].status);
    running.join(async {}).await.unwrap();
    let counters = status.counters();
    let delivered = server.moved().0.cast_signed();
    let lost = counters.discarded.sent_bytes.cast_signed();
    assert_eq!(delivered + lost, bench.sent_bytes(), "{counters:?}");
    // One request under way and one that was being filled.
    assert!((0..=200).contains(&lost), "{counters:?}");
    assert_eq!(counters.sent.sent_bytes.cast_signed(), delivered);
}
