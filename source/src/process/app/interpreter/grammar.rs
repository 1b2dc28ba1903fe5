//! How each interpreter reads its arguments.

/// Which options take a value, which say what is run, after which nothing is a script.
#[derive(Clone, Copy)]
pub(super) struct Grammar {
    /// Letters that take a value: the rest of the word or, without rest, the next.
    pub(super) values: &'static str,
    /// Letters that take the rest of the word, if any.
    pub(super) attached: &'static str,
    /// Letters that say that no file is run.
    pub(super) ends: &'static str,
    /// Letters whose value is the script.
    pub(super) scripts: &'static str,
    /// Letters whose value is a module.
    pub(super) modules: &'static str,
    /// Whether all options are words, even those with one hyphen.
    pub(super) has_words: bool,
    /// Whether options may begin with `+`.
    pub(super) has_plus: bool,
    /// Words that take a value, after `=` or next.
    pub(super) word_values: &'static [&'static str],
    /// Words that say that no file is run.
    pub(super) word_ends: &'static [&'static str],
    /// Words whose value is the script.
    pub(super) word_scripts: &'static [&'static str],
    /// Words whose value is a class or module.
    pub(super) word_classes: &'static [&'static str],
    /// What the first word is that is no option.
    pub(super) operand: fn(&str) -> Operand,
}

/// What a word is that is no option.
pub(super) enum Operand {
    Script,
    Class,
    /// A command of the interpreter, after which options go on.
    Command,
    /// Something that is no file.
    Nothing,
}

const PLAIN: Grammar = Grammar {
    values: "",
    attached: "",
    ends: "",
    scripts: "",
    modules: "",
    has_words: false,
    has_plus: false,
    word_values: &[],
    word_ends: &[],
    word_scripts: &[],
    word_classes: &[],
    operand: |_word| Operand::Script,
};

const PYTHON: Grammar = Grammar {
    values: "WXQ",
    ends: "c",
    modules: "m",
    word_values: &["--check-hash-based-pycs"],
    ..PLAIN
};

const RUBY: Grammar = Grammar {
    values: "IrCE",
    attached: "FKTWix",
    ends: "e",
    word_values: &[
        "--encoding",
        "--external-encoding",
        "--internal-encoding",
        "--enable",
        "--disable",
    ],
    ..PLAIN
};

/// `-l` and `-0` take digits only, so that letters may follow: `-lne`.
const PERL: Grammar = Grammar {
    values: "I",
    attached: "MmixFCdDV",
    ends: "eE",
    ..PLAIN
};

const PHP: Grammar = Grammar {
    values: "dczSt",
    ends: "rBREa",
    scripts: "fF",
    word_values: &[
        "--define",
        "--php-ini",
        "--zend-extension",
        "--server",
        "--docroot",
    ],
    word_ends: &["--run", "--interactive"],
    word_scripts: &["--file", "--process-file"],
    ..PLAIN
};

/// A script may follow `-e`.
const LUA: Grammar = Grammar {
    values: "elj",
    attached: "O",
    ends: "b",
    ..PLAIN
};

/// `Rscript x.R` becomes `R --file=x.R --args ..`.
const R: Grammar = Grammar {
    values: "g",
    ends: "e",
    scripts: "f",
    word_values: &["--gui", "--encoding"],
    word_ends: &["--args"],
    word_scripts: &["--file"],
    operand: |_word| Operand::Nothing,
    ..PLAIN
};

const RSCRIPT: Grammar = Grammar { ends: "e", ..PLAIN };

const NODE: Grammar = Grammar {
    values: "rC",
    ends: "epi",
    word_values: &[
        "--conditions",
        "--cpu-prof-dir",
        "--cpu-prof-name",
        "--diagnostic-dir",
        "--disable-warning",
        "--dns-result-order",
        "--env-file",
        "--env-file-if-exists",
        "--experimental-loader",
        "--heapsnapshot-signal",
        "--icu-data-dir",
        "--import",
        "--input-type",
        "--inspect-port",
        "--loader",
        "--localstorage-file",
        "--max-http-header-size",
        "--max-old-space-size",
        "--max-semi-space-size",
        "--openssl-config",
        "--redirect-warnings",
        "--require",
        "--secure-heap",
        "--stack-size",
        "--stack-trace-limit",
        "--test-reporter",
        "--test-reporter-destination",
        "--title",
        "--tls-cipher-list",
        "--trace-event-categories",
        "--trace-event-file-pattern",
        "--unhandled-rejections",
        "--watch-path",
    ],
    word_ends: &["--eval", "--print", "--interactive", "--run", "--test"],
    operand: |word| match word {
        "inspect" => Operand::Command,
        _script => Operand::Script,
    },
    ..PLAIN
};

/// What has none of these is a task, or a command that runs no file.
fn is_file(word: &str) -> bool {
    word.contains(['.', '/', ':'])
}

const DENO: Grammar = Grammar {
    values: "cL",
    word_values: &[
        "--cert",
        "--config",
        "--ext",
        "--host",
        "--import-map",
        "--location",
        "--lock",
        "--log-level",
        "--port",
        "--preload",
        "--seed",
    ],
    operand: |word| match word {
        "run" | "serve" | "test" | "bench" => Operand::Command,
        _ if is_file(word) => Operand::Script,
        _task => Operand::Nothing,
    },
    ..PLAIN
};

const BUN: Grammar = Grammar {
    values: "rcd",
    ends: "ep",
    word_values: &[
        "--conditions",
        "--config",
        "--cwd",
        "--define",
        "--env-file",
        "--loader",
        "--port",
        "--preload",
        "--shell",
        "--tsconfig-override",
    ],
    word_ends: &["--eval", "--print"],
    operand: |word| match word {
        "run" => Operand::Command,
        _ if is_file(word) => Operand::Script,
        _task => Operand::Nothing,
    },
    ..PLAIN
};

/// `-D..`, `-X..`, `-agentlib:..` hold their value.
const JAVA: Grammar = Grammar {
    has_words: true,
    word_values: &[
        "-cp",
        "-classpath",
        "--class-path",
        "-p",
        "--module-path",
        "--upgrade-module-path",
        "--add-exports",
        "--add-modules",
        "--add-opens",
        "--add-reads",
        "--enable-native-access",
        "--finalization",
        "--limit-modules",
        "--patch-module",
        "--source",
    ],
    word_ends: &["-version", "--version", "-d", "--describe-module"],
    word_scripts: &["-jar"],
    word_classes: &["-m", "--module"],
    operand: |word| match word {
        // A file of arguments.
        _ if word.starts_with('@') => Operand::Command,
        _ if word.ends_with(".java") => Operand::Script,
        _class => Operand::Class,
    },
    ..PLAIN
};

const DOTNET: Grammar = Grammar {
    has_words: true,
    word_values: &[
        "--additional-deps",
        "--additionalprobingpath",
        "--depsfile",
        "--fx-version",
        "--roll-forward",
        "--roll-forward-on-no-candidate-fx",
        "--runtimeconfig",
    ],
    operand: |word| match word {
        "exec" => Operand::Command,
        _ if word.ends_with(".dll") || word.ends_with(".exe") => Operand::Script,
        _command => Operand::Nothing,
    },
    ..PLAIN
};

const MONO: Grammar = Grammar {
    has_words: true,
    word_values: &["--config", "--assembly-loader"],
    ..PLAIN
};

const SHELL: Grammar = Grammar {
    values: "oO",
    ends: "cs",
    has_plus: true,
    word_values: &["--rcfile", "--init-file", "--emulate"],
    ..PLAIN
};

const FISH: Grammar = Grammar {
    values: "Cdofp",
    ends: "c",
    word_values: &[
        "--init-command",
        "--debug",
        "--debug-output",
        "--features",
        "--profile",
        "--profile-startup",
    ],
    word_ends: &["--command"],
    ..PLAIN
};

/// How the interpreter of that name reads its arguments; `None` if it is none that is known.
pub(super) fn grammar(family: &str) -> Option<Grammar> {
    Some(match family {
        "python" | "pypy" => PYTHON,
        "ruby" => RUBY,
        "perl" => PERL,
        "php" => PHP,
        "lua" | "luajit" => LUA,
        "R" => R,
        "Rscript" => RSCRIPT,
        "node" | "nodejs" => NODE,
        "deno" => DENO,
        "bun" => BUN,
        "java" => JAVA,
        "dotnet" => DOTNET,
        "mono" | "mono-sgen" => MONO,
        "sh" | "ash" | "bash" | "csh" | "dash" | "ksh" | "mksh" | "rbash" | "tcsh" | "zsh" => SHELL,
        "fish" => FISH,
        _ => return None,
    })
}
