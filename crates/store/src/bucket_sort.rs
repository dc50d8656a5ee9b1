//! Sorting what falls into buckets that are known beforehand: the rows of an app, the people of a cell. Two passes put each item into its bucket, in the
//! order in which they came, and what is sorted then is short and nearly in order.

/// Buckets for each item beyond which counting them costs more than it saves.
const BUCKETS_EACH_MAX: usize = 4;

/// The items in the order of their buckets, and by themselves within each. `items` is asked twice and must give the same again; one beyond `buckets`
/// is left out.
pub fn sorted_in_buckets<T, I>(items: impl Fn() -> I, count: usize, buckets: usize) -> Vec<T>
where
    T: Copy + Default + Ord,
    I: Iterator<Item = (usize, T)>,
{
    if buckets > count.saturating_mul(BUCKETS_EACH_MAX) {
        let mut whole: Vec<(usize, T)> = items().filter(|(bucket, _)| *bucket < buckets).collect();
        whole.sort_unstable();
        return whole.into_iter().map(|(_, item)| item).collect();
    }
    // How many each bucket has, then where each begins, then where the next item of each goes.
    let mut next = vec![0_usize; buckets];
    items().for_each(|(bucket, _)| {
        if let Some(items) = next.get_mut(bucket) {
            *items += 1;
        }
    });
    let mut begin = 0;
    for place in &mut next {
        (*place, begin) = (begin, begin + *place);
    }
    let mut sorted = vec![T::default(); begin];
    items().for_each(|(bucket, item)| {
        let Some(place) = next.get_mut(bucket) else { return };
        if let Some(free) = sorted.get_mut(*place) {
            *free = item;
        }
        *place += 1;
    });
    let mut begin = 0;
    for end in next {
        if let Some(bucket) = sorted.get_mut(begin..end) {
            bucket.sort_unstable();
        }
        begin = end;
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_by_bucket_and_in_order_within_each_whatever_the_number_of_buckets() {
        let items: Vec<(usize, u64)> =
            (0..1_000_u64).map(|number| ((number * 7 % 13) as usize, number * 31 % 101)).collect();
        for buckets in [13, 20, 100_000] {
            let mut expected = items.clone();
            expected.sort_unstable();
            let expected: Vec<u64> = expected.into_iter().map(|(_, item)| item).collect();
            assert_eq!(sorted_in_buckets(|| items.iter().copied(), items.len(), buckets), expected, "{buckets}");
        }
    }

    #[test]
    fn an_item_beyond_the_buckets_is_left_out_and_no_items_are_none() {
        for buckets in [2, 100] {
            let items = [(buckets, 1), (1, 5), (1, 3), (0, 9)];
            assert_eq!(sorted_in_buckets(|| items.into_iter(), items.len(), buckets), [9, 3, 5]);
        }
        assert!(sorted_in_buckets(std::iter::empty::<(usize, u8)>, 0, 0).is_empty());
    }
}
