//! What an interpreter runs, read off its arguments as the interpreter itself reads them.

mod grammar;

use grammar::{Grammar, Operand, grammar};

/// The script's absolute path, or the interpreter with the module or class it runs. Nothing if it is
/// no interpreter, or what it runs is typed in, piped in or an argument (`-c`).
pub(super) fn app(
    exe: Option<&str>,
    arguments: &[String],
    directory: Option<&str>,
) -> Option<String> {
    let (program, arguments) = arguments.split_first()?;
    let called = file_name(program).trim_start_matches('-');
    let name = exe.map_or(called, file_name);
    let (name, arguments) = match name {
        // All its tools are one executable.
        "busybox" if called != "busybox" => (called, arguments),
        "busybox" => arguments
            .split_first()
            .map(|(tool, rest)| (&**tool, rest))?,
        _ => (name, arguments),
    };
    let family = family(name);
    match found(&grammar(family)?, arguments)? {
        Found::Script(script) => absolute(script, directory),
        Found::Module(module) => Some(format!("{family} -m {module}")),
        Found::Class(class) => Some(format!("{family} {class}")),
    }
}

enum Found<'a> {
    Script(&'a str),
    Module(&'a str),
    Class(&'a str),
}

fn found<'a>(grammar: &Grammar, arguments: &'a [String]) -> Option<Found<'a>> {
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            // Empty, or the standard input.
            "" | "-" => return None,
            "--" => return words.next().map(Found::Script),
            _ if word.starts_with("--") || grammar.has_words && word.starts_with('-') => {
                let (name, attached) = match word.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (word, None),
                };
                if grammar.word_ends.contains(&name) {
                    return None;
                } else if grammar.word_scripts.contains(&name) {
                    return attached.or_else(|| words.next()).map(Found::Script);
                } else if grammar.word_classes.contains(&name) {
                    return attached.or_else(|| words.next()).map(Found::Class);
                } else if grammar.word_values.contains(&name) && attached.is_none() {
                    words.next();
                }
            }
            _ if word.starts_with('-') || grammar.has_plus && word.starts_with('+') => {
                let letters = &word[1..];
                for (at, letter) in letters.char_indices() {
                    let rest = &letters[at + letter.len_utf8()..];
                    let attached = (!rest.is_empty()).then_some(rest);
                    if grammar.ends.contains(letter) {
                        return None;
                    } else if grammar.scripts.contains(letter) {
                        return attached.or_else(|| words.next()).map(Found::Script);
                    } else if grammar.modules.contains(letter) {
                        return attached.or_else(|| words.next()).map(Found::Module);
                    } else if grammar.values.contains(letter) {
                        if attached.is_none() {
                            words.next();
                        }
                        break;
                    } else if grammar.attached.contains(letter) {
                        break;
                    }
                }
            }
            _ => match (grammar.operand)(word) {
                Operand::Script => return Some(Found::Script(word)),
                Operand::Class => return Some(Found::Class(word)),
                Operand::Command => {}
                Operand::Nothing => return None,
            },
        }
    }
    None
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `python3.11` and `python` are the same; `php-fpm` is another program.
fn family(name: &str) -> &str {
    let end = name
        .find(|character: char| !character.is_ascii_alphabetic())
        .unwrap_or(name.len());
    let (letters, version) = name.split_at(end);
    let number = version.strip_prefix('-').unwrap_or(version);
    let is_version = version.is_empty() || number.starts_with(|first: char| first.is_ascii_digit());
    if is_version { letters } else { name }
}

fn absolute(script: &str, directory: Option<&str>) -> Option<String> {
    if script.is_empty() {
        return None;
    }
    if script.contains("://") || script.starts_with("npm:") || script.starts_with("jsr:") {
        return Some(script.to_owned());
    }
    // Another one at each start.
    if ["/dev/", "/proc/"]
        .iter()
        .any(|start| script.starts_with(start))
    {
        return None;
    }
    match directory {
        _ if script.starts_with('/') => Some(normalised(script)),
        Some(directory) => Some(normalised(&format!("{directory}/{script}"))),
        None => Some(script.to_owned()),
    }
}

/// Without `.`, `..` and doubled slashes. Links are not followed: they may be gone.
fn normalised(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests;
