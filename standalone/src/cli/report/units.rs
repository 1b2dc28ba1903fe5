//! How the table writes amounts.

use clap::ValueEnum;

use crate::text::human_bytes;

/// Units of the table; JSON and CSV always have exact bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Units {
    /// As the page and `top` show them: si.
    #[default]
    Auto,
    /// Exact bytes, without a unit.
    Bytes,
    /// Decimal: 1 KB is 1000 bytes.
    Si,
    /// Binary: 1 KiB is 1024 bytes.
    Iec,
    /// Bits, decimal: 1 Kbit is 125 bytes.
    Bits,
}

impl Units {
    /// An amount as this writes it, three digits where there is a unit.
    pub(super) fn shown(self, bytes: u64) -> String {
        match self {
            Self::Auto | Self::Si => human_bytes(bytes),
            Self::Bytes => bytes.to_string(),
            Self::Iec => scaled(
                u128::from(bytes),
                1024.0,
                ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"],
            ),
            Self::Bits => scaled(
                u128::from(bytes) * 8,
                1000.0,
                ["bit", "Kbit", "Mbit", "Gbit", "Tbit", "Pbit", "Ebit"],
            ),
        }
    }
}

/// Below a thousand exact, else with three digits: `1023 KiB` is `1.00 MiB`.
fn scaled(amount: u128, base: f64, units: [&str; 7]) -> String {
    if amount < 1000 {
        return format!("{amount} {}", units[0]);
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let mut value = amount as f64 / base;
    let mut unit = 1;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_in_the_units_asked_for() {
        for (bytes, si, iec, bits) in [
            (0, "0 B", "0 B", "0 bit"),
            (124, "124 B", "124 B", "992 bit"),
            (125, "125 B", "125 B", "1.00 Kbit"),
            (1000, "1.00 KB", "0.98 KiB", "8.00 Kbit"),
            (1024, "1.02 KB", "1.00 KiB", "8.19 Kbit"),
            (1_500_001, "1.50 MB", "1.43 MiB", "12.0 Mbit"),
            (1_048_000, "1.05 MB", "1.00 MiB", "8.38 Mbit"),
            (u64::MAX, "18.4 EB", "16.0 EiB", "148 Ebit"),
        ] {
            assert_eq!(Units::Auto.shown(bytes), si);
            assert_eq!(Units::Si.shown(bytes), si);
            assert_eq!(Units::Iec.shown(bytes), iec);
            assert_eq!(Units::Bits.shown(bytes), bits);
            assert_eq!(Units::Bytes.shown(bytes), bytes.to_string());
        }
    }
}
