-- Questions to the tables of schema.sql. Frames of the link layer (`packet`) hold what the other
-- protocols hold once more, so totals leave them out.

-- Who talked most, on all machines together, in the last day.
SELECT
    app,
    uniqExact(host) AS hosts,
    sum(sent_bytes) AS sent,
    sum(received_bytes) AS received
FROM nettally.flows_by_hour
WHERE hour >= now() - INTERVAL 1 DAY AND protocol != 'packet'
GROUP BY app
ORDER BY sent + received DESC, app
LIMIT 20;

-- Per day and machine, for a month.
SELECT
    toDate(hour) AS day,
    host,
    sum(sent_bytes) AS sent,
    sum(received_bytes) AS received
FROM nettally.flows_by_hour
WHERE hour >= now() - INTERVAL 31 DAY AND protocol != 'packet'
GROUP BY day, host
ORDER BY day, host;

-- Where it goes: networks (/24 of IPv4, /48 of IPv6), and which machines talk to them.
SELECT
    remote_prefix,
    uniqExact(host) AS hosts,
    groupUniqArray(10)(app) AS apps,
    sum(sent_bytes) AS sent,
    sum(received_bytes) AS received
FROM nettally.flows_by_hour
WHERE hour >= now() - INTERVAL 7 DAY AND protocol != 'packet' AND remote_prefix IS NOT NULL
GROUP BY remote_prefix
ORDER BY sent + received DESC, remote_prefix
LIMIT 50;

-- Remotes that an application has talked to today for the first time in this month.
SELECT
    app,
    remote_ip,
    any(host) AS host,
    min(window_start) AS first_seen,
    sum(sent_bytes) AS sent,
    sum(received_bytes) AS received
FROM nettally.flows
WHERE remote_ip IS NOT NULL
GROUP BY app, remote_ip
HAVING first_seen >= now() - INTERVAL 1 DAY
ORDER BY sent DESC, app, remote_ip
LIMIT 100;

-- Rates of the last hour for a chart, in bytes a second. A window counts where it ends.
SELECT
    toStartOfMinute(window_end) AS minute,
    app,
    sum(sent_bytes) / 60 AS sent_per_second,
    sum(received_bytes) / 60 AS received_per_second
FROM nettally.flows
WHERE window_end >= now() - INTERVAL 1 HOUR AND protocol != 'packet'
GROUP BY minute, app
ORDER BY minute, app;

-- One machine's processes, with all that is known of them.
SELECT
    process, pid, user, app, command_line, protocol, remote_kind, remote_ip, remote_port,
    sum(sent_bytes) AS sent,
    sum(received_bytes) AS received
FROM nettally.flows
WHERE window_start >= now() - INTERVAL 1 HOUR
  AND host = (SELECT any(host) FROM nettally.flows)
GROUP BY ALL
ORDER BY sent + received DESC
LIMIT 100;

-- Machines that say that bytes or detail were lost, or that they see less than they should.
SELECT host, type, reason, code, any(message) AS message, sum(events) AS events,
       sum(sent_bytes) + sum(received_bytes) AS bytes, max(timestamp) AS last
FROM nettally.notices
WHERE timestamp >= now() - INTERVAL 1 DAY
GROUP BY host, type, reason, code
ORDER BY last DESC;

-- Machines that have gone silent.
SELECT host, max(window_end) AS last_heard
FROM nettally.flows
GROUP BY host
HAVING last_heard < now() - INTERVAL 10 MINUTE
ORDER BY last_heard;
