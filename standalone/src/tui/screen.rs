//! The loop between the feed, the keyboard and the terminal, and the guard that gives the terminal
//! back as it was: at the end, on an error, on a panic, on a signal.

use std::io::stdout;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, bail};
use crossterm::event::{Event, EventStream};
use crossterm::execute;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _};
use ratatui::DefaultTerminal;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::debug;

use super::feed::{Feed, Update};
use super::model::settings::Settings;
use super::model::{Model, Origin, Size, Subject, Tab};
use super::stop::StopSignals;
use super::update::{Message, update};
use super::view::{self, Theme};

/// Numbers are drawn at most this often; a key is answered at once.
const BETWEEN_DRAWS: Duration = Duration::from_millis(250);

/// How often to look whether the feed has fallen silent, and whether to ask the daemon.
const WATCH: Duration = Duration::from_secs(1);

/// How often the daemon is asked for what it remembers, while that is shown.
const PAST_EVERY: Duration = Duration::from_secs(15);

/// How often the daemon is asked how it is, while that is shown.
const HEALTH_EVERY: Duration = Duration::from_secs(3);

/// Shows the screen until the person or a signal ends it.
pub(crate) async fn show(
    mut feed: Feed,
    interval: Duration,
    settings: Settings,
    mut signals: StopSignals,
) -> anyhow::Result<()> {
    let mut terminal = Terminal::enter()?;
    let mut model = Model::new(terminal.size()?);
    model.origin = feed.origin();
    model.settings = settings;
    let shown = interact(&mut terminal, &mut model, &mut feed, interval, &mut signals).await;
    // First the terminal: the collector may take a moment.
    drop(terminal);
    if shown? == End::Asked {
        feed.stop();
    }
    feed.join().await
}

/// Why the screen ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Asked,
    FeedEnded,
}

async fn interact(
    terminal: &mut Terminal,
    model: &mut Model,
    feed: &mut Feed,
    interval: Duration,
    signals: &mut StopSignals,
) -> anyhow::Result<End> {
    let theme = Theme::from_no_color(std::env::var_os("NO_COLOR").as_deref());
    let mut questions = Questions::default();
    let mut keyboard = EventStream::new();
    let mut watch = tokio::time::interval(WATCH);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_update = Instant::now();
    let mut next_draw = Instant::now();
    // Whether the picture is old; a new one is due at `next_draw`.
    let mut stale = true;
    while !model.quit {
        let mut pressed = false;
        tokio::select! {
            biased;
            () = signals.recv() => return Ok(End::Asked),
            event = keyboard.next() => {
                pressed |= read_key(model, event)?;
                // All that has been typed, before one picture of it. Not `now_or_never`: the
                // stream would wake up that one's waker, and nobody, at the next key.
                while let Poll::Ready(event) = futures::poll!(keyboard.next()) {
                    pressed |= read_key(model, event)?;
                }
            }
            () = tokio::time::sleep_until(next_draw), if stale => pressed = true,
            received = feed.next() => {
                let Some(received) = received else {
                    return Ok(End::FeedEnded);
                };
                if !matches!(received, Update::Link(_)) {
                    last_update = Instant::now();
                }
                read_feed(model, feed, received);
                stale = true;
            }
            answer = questions.answer() => {
                stale |= answer.is_some();
                if let Some(message) = answer {
                    update(model, message);
                }
            }
            _ = watch.tick() => {
                let silent_for = Some(last_update.elapsed())
                    .filter(|&it| model.absence.is_some() || it > interval * 3 + WATCH);
                stale |= silent_for != model.silent_for;
                update(model, Message::Silent(silent_for));
            }
        }
        questions.ask(model, feed, Instant::now());
        if pressed {
            terminal.draw(model, theme)?;
            stale = false;
            next_draw = Instant::now() + BETWEEN_DRAWS;
        }
    }
    Ok(End::Asked)
}

/// What the daemon is asked beside what moves: only what is shown, and not too often.
#[derive(Default)]
struct Questions {
    asked: Option<BoxFuture<'static, anyhow::Result<Message>>>,
    past: Option<(Subject, Instant)>,
    health: Option<Instant>,
}

impl Questions {
    /// Asks what is due.
    fn ask(&mut self, model: &Model, feed: &Feed, now: Instant) {
        if model.origin == Origin::Own || self.asked.is_some() {
            return;
        }
        let wants_health = model.tab == Tab::Health;
        if wants_health && self.health.is_none_or(|last| now - last >= HEALTH_EVERY) {
            self.health = Some(now);
            self.asked = feed.health().map(|health| {
                let message = health.map_ok(|health| Message::Daemon(Box::new(health)));
                message.boxed()
            });
        } else if let Some(subject) = model.subject() {
            let asked_before = self.past.as_ref();
            let is_fresh = asked_before
                .is_some_and(|(last, when)| *last == subject && now - *when < PAST_EVERY);
            if !is_fresh {
                self.past = Some((subject.clone(), now));
                self.asked = feed.past(subject.clone()).map(|past| {
                    let message = past.map_ok(|past| Message::Past(subject, past));
                    message.boxed()
                });
            }
        }
    }

    /// The next answer. What cannot be answered is asked again when it is due.
    async fn answer(&mut self) -> Option<Message> {
        let Some(asked) = &mut self.asked else {
            return std::future::pending().await;
        };
        let answer = asked.await;
        self.asked = None;
        match answer {
            Ok(message) => Some(message),
            Err(error) => {
                debug!(%error, "The daemon did not answer.");
                None
            }
        }
    }
}

/// Whether the event was of interest.
fn read_key(model: &mut Model, event: Option<std::io::Result<Event>>) -> anyhow::Result<bool> {
    let message = match event {
        Some(Ok(Event::Key(key))) => Message::Key(key),
        Some(Ok(Event::Resize(width, height))) => Message::Resize(Size { width, height }),
        Some(Ok(Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_))) => {
            return Ok(false);
        }
        Some(Err(error)) => return Err(error).context("reading from the terminal"),
        None => bail!("the terminal is gone"),
    };
    update(model, message);
    Ok(true)
}

fn read_feed(model: &mut Model, feed: &Feed, received: Update) {
    match received {
        Update::Link(link) => {
            update(model, Message::Link(link));
            return;
        }
        Update::Health(report) => update(model, Message::Health(report)),
        Update::Usage(delivery) => {
            update(model, Message::Usage(delivery));
            let gone = feed.gone(&model.ledger.to_look_up());
            update(model, Message::Gone(gone));
        }
    }
    update(model, Message::Silent(None));
}

/// The terminal while it is ours.
struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes it over. A panic gives it back before its message is printed.
    fn enter() -> anyhow::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                ratatui::restore();
                Err(error).context("taking over the terminal")
            }
        }
    }

    fn size(&self) -> anyhow::Result<Size> {
        let size = self.0.size().context("asking for the terminal's size")?;
        Ok(Size {
            width: size.width,
            height: size.height,
        })
    }

    fn draw(&mut self, model: &Model, theme: Theme) -> anyhow::Result<()> {
        // One picture at once: a terminal that knows the marks shows nothing in between.
        let mut draw = || {
            execute!(stdout(), BeginSynchronizedUpdate)?;
            let drawn = self.0.draw(|frame| view::draw(model, frame, theme));
            execute!(stdout(), EndSynchronizedUpdate)?;
            drawn.map(|_frame| ())
        };
        draw().context("drawing on the terminal")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
