//! What people ask most.

use std::error::Error;
use std::path::Path;

use nettally_sqlite_sink::{Field, Order, Reader, SeriesQuery, TimeRange, UsageQuery};

use crate::traffic::at;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A question, in our words and in SQL of a table of one row per flow and window.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) back_secs: i64,
    group_by: &'static [Field],
    filter: &'static str,
    step_secs: Option<u32>,
    /// What is selected and grouped by; `{time}` is the second a row begins in.
    pub(crate) sql_group: &'static str,
    /// More conditions.
    pub(crate) sql_where: &'static str,
}

/// The ten.
pub(crate) const QUESTIONS: [Question; 10] = [
    question(
        "last hour by process",
        HOUR,
        &[Field::Process],
        "process",
        "1",
    ),
    question(
        "last day by process",
        DAY,
        &[Field::Process],
        "process",
        "1",
    ),
    question(
        "last week by process",
        7 * DAY,
        &[Field::Process],
        "process",
        "1",
    ),
    question(
        "last 30 days by process",
        30 * DAY,
        &[Field::Process],
        "process",
        "1",
    ),
    question(
        "last year by process",
        365 * DAY,
        &[Field::Process],
        "process",
        "1",
    ),
    question(
        "last day by remote address",
        DAY,
        &[Field::RemoteIp],
        "remote",
        "1",
    ),
    Question {
        filter: "process=application-3",
        ..question(
            "last 30 days, remotes of one process",
            30 * DAY,
            &[Field::RemoteIp],
            "remote",
            "process = 'application-3'",
        )
    },
    question(
        "last hour by process, PID and protocol",
        HOUR,
        &[Field::Process, Field::Pid, Field::Protocol],
        "process, pid, protocol",
        "1",
    ),
    Question {
        step_secs: Some(60),
        ..question(
            "last hour by minute, lines by process",
            HOUR,
            &[Field::Process],
            "process, {time} / 60",
            "1",
        )
    },
    Question {
        step_secs: Some(86_400),
        ..question(
            "last year by day, lines by process",
            365 * DAY,
            &[Field::Process],
            "process, {time} / 86400",
            "1",
        )
    },
];

const fn question(
    name: &'static str,
    back_secs: i64,
    group_by: &'static [Field],
    sql_group: &'static str,
    sql_where: &'static str,
) -> Question {
    Question {
        name,
        back_secs,
        group_by,
        filter: "",
        step_secs: None,
        sql_group,
        sql_where,
    }
}

impl Question {
    /// Asks our file, opened for the question alone as the command line does; bytes sent in all.
    pub(crate) fn ask(
        &self,
        path: &Path,
        now_secs: i64,
    ) -> Result<u64, Box<dyn Error + Send + Sync>> {
        let range = TimeRange {
            since: at(now_secs - self.back_secs),
            until: at(now_secs),
        };
        let filter = (!self.filter.is_empty())
            .then(|| self.filter.parse())
            .transpose()?;
        let reader = Reader::open(path)?;
        if let Some(step_secs) = self.step_secs {
            let answer = reader.series(&SeriesQuery {
                range,
                step_secs,
                group_by: self.group_by.first().copied(),
                filter,
                limit: Some(10),
            })?;
            let points = answer.series.iter().flat_map(|line| &line.points);
            return Ok(points.map(|point| point.bytes.sent_bytes).sum());
        }
        let answer = reader.usage(&UsageQuery {
            range,
            group_by: self.group_by.to_vec(),
            filter,
            order: Order::default(),
            limit: Some(20),
            offset: 0,
        })?;
        Ok(answer.total.sent_bytes)
    }
}
