//! Who a row is of, as numbers: a process with all that is known of it, or the one that stands for
//! all that are alike.

use nettally_source::pipeline::{Process, ProcessId};
use rusqlite::{Connection, OptionalExtension as _, Result, named_params};

use super::dimensions::find_or_insert;

/// The number of a start of the machine.
pub(super) fn boot(file: &Connection, boot_id: &str) -> Result<i64> {
    find_or_insert(
        file,
        "SELECT id FROM boot WHERE boot_id = :boot_id",
        "INSERT INTO boot (boot_id) VALUES (:boot_id)",
        named_params! { ":boot_id": boot_id },
        named_params! { ":boot_id": boot_id },
    )
}

/// The number of a process as it is at present. A new one has been seen on no day yet.
pub(super) fn process(file: &Connection, boot: i64, process: &Process) -> Result<i64> {
    let Process {
        id:
            ProcessId {
                pid,
                // What becomes another program differs in what is stored, or is the same to people.
                exec_id: _,
                start_boottime_ns,
            },
        name,
        app,
        exe,
        command_line,
        uid,
        user,
        gid,
        parents,
        unit: _,
        container: _,
        pod: _,
        package: _,
        cgroup: _,
        network_namespace: _,
        tunnel,
        attribution,
    } = process;
    let program = find_or_insert(
        file,
        "SELECT id FROM program WHERE name = :name AND exe IS :exe",
        "INSERT INTO program (name, exe) VALUES (:name, :exe)",
        named_params! { ":name": name, ":exe": exe },
        named_params! { ":name": name, ":exe": exe },
    )?;
    let account = find_or_insert(
        file,
        "SELECT id FROM account WHERE uid IS :uid AND name IS :name",
        "INSERT INTO account (uid, name) VALUES (:uid, :name)",
        named_params! { ":uid": uid, ":name": user },
        named_params! { ":uid": uid, ":name": user },
    )?;
    let app = text(
        file,
        "SELECT id FROM app WHERE name = ?",
        "INSERT INTO app (name) VALUES (?)",
        app,
    )?;
    let command_line = command_line
        .as_deref()
        .map(|command_line| {
            text(
                file,
                "SELECT id FROM command_line WHERE text = ?",
                "INSERT INTO command_line (text) VALUES (?)",
                command_line,
            )
        })
        .transpose()?;
    let ancestry = if parents.is_empty() {
        None
    } else {
        let parents = serde_json::to_string(parents)
            .expect("numbers and texts without keys of their own are JSON");
        Some(text(
            file,
            "SELECT id FROM ancestry WHERE parents = ?",
            "INSERT INTO ancestry (parents) VALUES (?)",
            &parents,
        )?)
    };
    let key = named_params! {
        ":boot": boot,
        ":pid": pid,
        ":start": start_boottime_ns.cast_signed(),
        ":program": program,
        ":app": app,
        ":account": account,
        ":place": place(file, process)?,
        ":tunnel": tunnel,
        ":attribution": attribution.name(),
        ":gid": gid,
        ":command_line": command_line,
        ":ancestry": ancestry,
    };
    find_or_insert(
        file,
        "SELECT id FROM process
          WHERE pid = :pid AND start_boottime_ns = :start AND boot_id = :boot
            AND program_id = :program AND app_id = :app AND account_id = :account
            AND place_id = :place AND tunnel = :tunnel AND attribution = :attribution
            AND gid IS :gid AND command_line_id IS :command_line AND ancestry_id IS :ancestry
            AND id > 0",
        "INSERT INTO process (id, boot_id, pid, start_boottime_ns, program_id, app_id, account_id,
                              place_id, tunnel, attribution, gid, command_line_id, ancestry_id,
                              seen_day)
         VALUES (coalesce((SELECT id FROM process WHERE id > 0 ORDER BY id DESC LIMIT 1), 0) + 1,
                 :boot, :pid, :start, :program, :app, :account, :place, :tunnel, :attribution,
                 :gid, :command_line, :ancestry, 0)",
        key,
        key,
    )
}

/// The number of the process that stands for all that are like one: of the same program,
/// application, account and place, and known as well. One that stands for others stands for itself.
pub(super) fn alike(file: &Connection, process: i64) -> Result<i64> {
    if process < 0 {
        return Ok(process);
    }
    let found = file
        .prepare_cached(
            "SELECT a.id
               FROM process p
               JOIN process a ON a.id < 0
                             AND a.program_id = p.program_id AND a.app_id = p.app_id
                             AND a.account_id = p.account_id AND a.place_id = p.place_id
                             AND a.tunnel = p.tunnel AND a.attribution = p.attribution
              WHERE p.id = ?",
        )?
        .query_row([process], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => file
            .prepare_cached(
                "INSERT INTO process (id, program_id, app_id, account_id, place_id, tunnel,
                                      attribution, seen_day)
                 SELECT coalesce((SELECT id FROM process WHERE id < 0 ORDER BY id LIMIT 1), 0) - 1,
                        program_id, app_id, account_id, place_id, tunnel, attribution, seen_day
                   FROM process WHERE id = ?",
            )?
            .insert([process]),
    }
}

fn place(file: &Connection, process: &Process) -> Result<i64> {
    let key = named_params! {
        ":unit": process.unit,
        ":container": process.container_text(),
        ":container_id": process.container.as_ref().map(|container| &container.id),
        ":pod": process.pod,
        ":package": process.package,
        ":cgroup": process.cgroup,
        ":network_namespace": process.network_namespace,
    };
    find_or_insert(
        file,
        "SELECT id FROM place
          WHERE cgroup IS :cgroup AND unit IS :unit AND container IS :container
            AND container_id IS :container_id AND pod IS :pod AND package IS :package
            AND network_namespace IS :network_namespace",
        "INSERT INTO place (unit, container, container_id, pod, package, cgroup,
                            network_namespace)
         VALUES (:unit, :container, :container_id, :pod, :package, :cgroup, :network_namespace)",
        key,
        key,
    )
}

/// The number of a text in a table of its own.
fn text(file: &Connection, find: &str, insert: &str, text: &str) -> Result<i64> {
    find_or_insert(file, find, insert, [text], [text])
}
