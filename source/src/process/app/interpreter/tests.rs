use proptest::prelude::*;

use super::*;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Executable, its arguments, and what the application is; the directory is `/srv/app`.
const LINES: &[(&str, &str, &str)] = &[
    // Python.
    (
        "/usr/bin/python3.11",
        "python3 crawl.py --depth 3",
        "/srv/app/crawl.py",
    ),
    (
        "/usr/bin/python3.11",
        "/usr/bin/python3 /usr/bin/yt-dlp x",
        "/usr/bin/yt-dlp",
    ),
    (
        "/usr/bin/python3.11",
        "python3 ../other/./crawl.py",
        "/srv/other/crawl.py",
    ),
    (
        "/usr/bin/python3.11",
        "python -m http.server 8000",
        "python -m http.server",
    ),
    (
        "/usr/bin/python3.11",
        "python -um http.server",
        "python -m http.server",
    ),
    (
        "/usr/bin/python3.11",
        "python -mhttp.server",
        "python -m http.server",
    ),
    (
        "/usr/bin/pypy3-c",
        "pypy3 -m http.server",
        "pypy -m http.server",
    ),
    ("/usr/bin/python3.11", "python3 -c import_x crawl.py", ""),
    ("/usr/bin/python3.11", "python3 -Ic import_x crawl.py", ""),
    (
        "/usr/bin/python3.11",
        "python3 -W ignore -X dev -u crawl.py",
        "/srv/app/crawl.py",
    ),
    (
        "/usr/bin/python3.11",
        "python3 -Wignore -Xdev crawl.py",
        "/srv/app/crawl.py",
    ),
    (
        "/usr/bin/python3.11",
        "python3 --check-hash-based-pycs always crawl.py",
        "/srv/app/crawl.py",
    ),
    (
        "/usr/bin/python3.11",
        "python3 -- -odd.py",
        "/srv/app/-odd.py",
    ),
    ("/usr/bin/python3.11", "python3 - x", ""),
    ("/usr/bin/python3.11", "python3", ""),
    ("/usr/bin/python3.11", "python3 -W", ""),
    ("/usr/bin/python3.11", "python3 /dev/fd/63", ""),
    // Node, Deno, Bun.
    ("/usr/bin/node", "node server.js", "/srv/app/server.js"),
    (
        "/usr/bin/node",
        "node --require ./hook.js -r x --max-old-space-size=4096 server.js",
        "/srv/app/server.js",
    ),
    (
        "/usr/bin/nodejs",
        "node --import tsx --inspect server.ts",
        "/srv/app/server.ts",
    ),
    ("/usr/bin/node20", "node .", "/srv/app"),
    (
        "/usr/bin/node",
        "node inspect server.js",
        "/srv/app/server.js",
    ),
    ("/usr/bin/node", "node -e x server.js", ""),
    ("/usr/bin/node", "node --eval=x server.js", ""),
    ("/usr/bin/node", "node -pe x", ""),
    (
        "/usr/bin/deno",
        "deno run --allow-net -c deno.json main.ts",
        "/srv/app/main.ts",
    ),
    (
        "/usr/bin/deno",
        "deno run -A https://example.org/x.ts",
        "https://example.org/x.ts",
    ),
    ("/usr/bin/deno", "deno task start", ""),
    ("/usr/bin/bun", "bun run index.ts", "/srv/app/index.ts"),
    ("/usr/bin/bun", "bun --cwd /x index.ts", "/srv/app/index.ts"),
    ("/usr/bin/bun", "bun run build", ""),
    ("/usr/bin/bun", "bun install", ""),
    // Ruby, Perl, PHP, Lua, R.
    (
        "/usr/bin/ruby3.1",
        "ruby -I lib -rset -W0 bin/rails server",
        "/srv/app/bin/rails",
    ),
    ("/usr/bin/ruby3.1", "ruby -e x y", ""),
    (
        "/usr/bin/perl",
        "perl -w -Ilib -MStrict -I more fetch.pl",
        "/srv/app/fetch.pl",
    ),
    (
        "/usr/bin/perl",
        "/usr/bin/perl -T /usr/sbin/ddclient",
        "/usr/sbin/ddclient",
    ),
    ("/usr/bin/perl", "perl -lne print x.txt", ""),
    ("/usr/bin/perl", "perl -0777 -pe s/x/y/ x.txt", ""),
    (
        "/usr/bin/php8.2",
        "php -d memory_limit=1G artisan queue:work",
        "/srv/app/artisan",
    ),
    ("/usr/bin/php8.2", "php -f cron.php", "/srv/app/cron.php"),
    ("/usr/bin/php8.2", "php -S 127.0.0.1:8000 -t public", ""),
    ("/usr/bin/php8.2", "php -r x", ""),
    ("/usr/sbin/php-fpm8.2", "php-fpm: pool www", ""),
    (
        "/usr/bin/lua5.4",
        "lua -l socket -e x=1 serve.lua",
        "/srv/app/serve.lua",
    ),
    (
        "/usr/bin/luajit-2.1",
        "luajit -O3 serve.lua",
        "/srv/app/serve.lua",
    ),
    (
        "/usr/lib/R/bin/exec/R",
        "/usr/lib/R/bin/exec/R --no-echo --no-restore --file=fit.R --args 1",
        "/srv/app/fit.R",
    ),
    ("/usr/lib/R/bin/exec/R", "R --no-save", ""),
    (
        "/usr/bin/Rscript",
        "Rscript --vanilla fit.R 1",
        "/srv/app/fit.R",
    ),
    // Java, .NET.
    (
        "/usr/lib/jvm/17/bin/java",
        "java -Xmx1g -jar target/app.jar --port 1",
        "/srv/app/target/app.jar",
    ),
    (
        "/usr/lib/jvm/17/bin/java",
        "java -cp a.jar:b.jar -Dx=y org.example.Main z",
        "java org.example.Main",
    ),
    (
        "/usr/lib/jvm/17/bin/java",
        "java --module-path mods --add-opens a/b=c -m org.example/org.example.Main",
        "java org.example/org.example.Main",
    ),
    (
        "/usr/lib/jvm/17/bin/java",
        "java --module-path=mods --module=org.example",
        "java org.example",
    ),
    (
        "/usr/lib/jvm/17/bin/java",
        "java @options Serve.java",
        "/srv/app/Serve.java",
    ),
    ("/usr/lib/jvm/17/bin/java", "java -version", ""),
    (
        "/usr/bin/dotnet",
        "dotnet web.dll --urls x",
        "/srv/app/web.dll",
    ),
    (
        "/usr/bin/dotnet",
        "dotnet exec --depsfile d.json --runtimeconfig r.json web.dll",
        "/srv/app/web.dll",
    ),
    ("/usr/bin/dotnet", "dotnet run", ""),
    (
        "/usr/bin/mono-sgen",
        "mono sonarr.exe",
        "/srv/app/sonarr.exe",
    ),
    (
        "/usr/bin/mono",
        "mono --debug sonarr.exe",
        "/srv/app/sonarr.exe",
    ),
    // Shells.
    ("/usr/bin/bash", "bash backup.sh", "/srv/app/backup.sh"),
    ("/usr/bin/dash", "/bin/sh -e /etc/backup", "/etc/backup"),
    (
        "/usr/bin/bash",
        "bash -eo pipefail backup.sh",
        "/srv/app/backup.sh",
    ),
    (
        "/usr/bin/bash",
        "bash +x +o posix -O extglob --rcfile x -- backup.sh",
        "/srv/app/backup.sh",
    ),
    ("/usr/bin/bash", "bash -c x backup.sh", ""),
    ("/usr/bin/bash", "bash -lc x", ""),
    ("/usr/bin/bash", "-bash", ""),
    ("/usr/bin/zsh", "zsh -f backup.zsh", "/srv/app/backup.zsh"),
    (
        "/usr/bin/fish",
        "fish -C x backup.fish",
        "/srv/app/backup.fish",
    ),
    ("/usr/bin/fish", "fish --command x", ""),
    ("/bin/ksh93", "ksh backup", "/srv/app/backup"),
    ("/bin/busybox", "ash /etc/backup", "/etc/backup"),
    ("/bin/busybox", "busybox sh /etc/backup", "/etc/backup"),
    ("/bin/busybox", "wget http://example.org/", ""),
    // No interpreters.
    ("/usr/bin/curl", "curl x.py", ""),
    ("/usr/bin/python-config", "python-config x.py", ""),
    ("/usr/bin/pythonic", "pythonic x.py", ""),
    // The executable could not be read.
    ("", "/usr/bin/python3 crawl.py", "/srv/app/crawl.py"),
];

#[test]
fn two_scripts_are_two_applications() {
    let mut wrong = Vec::new();
    for (exe, line, expected) in LINES {
        let exe = (!exe.is_empty()).then_some(*exe);
        let found = app(exe, &words(line), Some("/srv/app")).unwrap_or_default();
        if found != *expected {
            wrong.push(format!("{line}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_path_whose_folder_is_not_known_stays_as_it_is() {
    let arguments = words("python3 ./crawl.py");
    let found = app(Some("/usr/bin/python3"), &arguments, None);
    assert_eq!(found.as_deref(), Some("./crawl.py"));
}

proptest! {
    #[test]
    fn any_arguments_are_no_panic(
        name in prop::sample::select(vec![
            "python3", "ruby", "perl", "php", "lua", "R", "node", "deno", "bun", "java", "dotnet",
            "sh", "fish", "busybox", "é",
        ]),
        arguments in proptest::collection::vec("[-+=mceé./a \\PC]{0,6}", 0..6),
        directory in proptest::option::of("/?[a./é]{0,9}"),
    ) {
        let found = app(Some(name), &arguments, directory.as_deref());
        prop_assert!(found.is_none_or(|found| !found.is_empty()));
    }
}
