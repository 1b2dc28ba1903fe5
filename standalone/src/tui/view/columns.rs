//! Which columns fit. Pure.

/// A column that wants a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<C> {
    pub(crate) column: C,
    /// Columns of the terminal it needs.
    pub(crate) least: usize,
    /// Columns of the terminal it can use.
    pub(crate) most: usize,
    /// Lower leaves first where there is too little room, higher is served first where there is
    /// more.
    pub(crate) rank: u8,
}

/// The columns that fit into `width` with one blank between them, and their widths, in the order
/// of the wishes.
pub(crate) fn chosen<C: Copy>(wishes: &[Wish<C>], width: usize) -> Vec<(C, usize)> {
    let mut by_rank: Vec<usize> = (0..wishes.len()).collect();
    by_rank.sort_by_key(|&index| std::cmp::Reverse(wishes[index].rank));
    let mut widths = vec![None; wishes.len()];
    let mut left = width + 1;
    for &index in &by_rank {
        let need = wishes[index].least + 1;
        if need <= left {
            left -= need;
            widths[index] = Some(wishes[index].least);
        } else {
            // A column of less worth must not stand where a better one found no room.
            break;
        }
    }
    for index in by_rank {
        if let Some(given) = &mut widths[index] {
            let more = (wishes[index].most - *given).min(left);
            *given += more;
            left -= more;
        }
    }
    let placed = wishes.iter().zip(widths);
    placed
        .filter_map(|(wish, width)| Some((wish.column, width?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_leave_by_rank_and_grow_by_rank() {
        let wish = |column, least, most, rank| Wish {
            column,
            least,
            most,
            rank,
        };
        let wishes = [
            wish("name", 10, 20, 9),
            wish("exe", 10, 100, 1),
            wish("sent", 7, 7, 8),
        ];
        let cases = [
            (9, vec![]),
            (17, vec![("name", 17)]),
            (18, vec![("name", 10), ("sent", 7)]),
            (29, vec![("name", 10), ("exe", 10), ("sent", 7)]),
            (45, vec![("name", 20), ("exe", 16), ("sent", 7)]),
        ];
        for (width, expected) in cases {
            assert_eq!(chosen(&wishes, width), expected, "{width}");
        }
    }
}
