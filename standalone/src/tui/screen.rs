//! The loop between the feed, the keyboard and the terminal, and the guard that gives the terminal
//! back as it was: at the end, on an error, on a panic, on a signal.

use std::time::Duration;

use anyhow::{Context as _, bail};
use crossterm::event::{Event, EventStream};
use futures::{FutureExt as _, StreamExt as _};
use ratatui::DefaultTerminal;
use tokio::time::{Instant, MissedTickBehavior};

use super::feed::{Feed, Update};
use super::model::{Model, Size};
use super::stop::StopSignals;
use super::update::{Message, update};
use super::view::{self, Theme};

/// Numbers are drawn at most this often; a key is answered at once.
const BETWEEN_DRAWS: Duration = Duration::from_millis(250);

/// How often to look whether the feed has fallen silent.
const WATCH: Duration = Duration::from_secs(1);

/// Shows the screen until the person or a signal ends it.
pub(crate) async fn show(
    mut feed: Feed,
    interval: Duration,
    mut signals: StopSignals,
) -> anyhow::Result<()> {
    let mut terminal = Terminal::enter()?;
    let shown = interact(&mut terminal, &mut feed, interval, &mut signals).await;
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
    feed: &mut Feed,
    interval: Duration,
    signals: &mut StopSignals,
) -> anyhow::Result<End> {
    let theme = Theme::from_no_color(std::env::var_os("NO_COLOR").as_deref());
    let mut model = Model::new(terminal.size()?);
    let mut keyboard = EventStream::new();
    let mut watch = tokio::time::interval(WATCH);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_update = Instant::now();
    let mut next_draw = Instant::now();
    // Whether the picture is old.
    let mut stale = true;
    while !model.quit {
        let mut pressed = false;
        tokio::select! {
            biased;
            () = signals.recv() => return Ok(End::Asked),
            event = keyboard.next() => {
                let mut event = Some(event);
                while let Some(now) = event {
                    pressed |= read_key(&mut model, now)?;
                    // All that was typed before the picture is drawn.
                    event = keyboard.next().now_or_never();
                }
            }
            () = tokio::time::sleep_until(next_draw), if stale => pressed = true,
            received = feed.next() => {
                let Some(received) = received else {
                    return Ok(End::FeedEnded);
                };
                last_update = Instant::now();
                read_feed(&mut model, feed, received);
                stale = true;
            }
            _ = watch.tick() => {
                let silent_for = Some(last_update.elapsed())
                    .filter(|&silent_for| silent_for > interval * 3 + WATCH);
                stale |= silent_for != model.silent_for;
                update(&mut model, Message::Silent(silent_for));
            }
        }
        if pressed {
            terminal.draw(&model, theme)?;
            stale = false;
            next_draw = Instant::now() + BETWEEN_DRAWS;
        }
    }
    Ok(End::Asked)
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
        self.0
            .draw(|frame| view::draw(model, frame, theme))
            .context("drawing on the terminal")?;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
