//! Use once more, from the rows of a block: where the table has refused some of a batch's events, use is counted of those that are stored.
//!
//! Rare, so it reads the block's own bytes instead of keeping every batch's events.

use std::collections::{BTreeMap, BTreeSet};

use event::{AppIdKind, AppKind, AppRef, Kind, Outcome, Source, Timestamp};
use store::{AppDaysBlock, AppPersonDaysBlock, AppSessionsBlock, AppsBlock, BadBlock, EncodedBlock};

use super::{BatchPlace, Sight, Usage};

/// The tables whose blocks are made here.
const TABLES: [&str; 4] = [AppPersonDaysBlock::TABLE, AppSessionsBlock::TABLE, AppDaysBlock::TABLE, AppsBlock::TABLE];

/// The blocks of a batch without the refused rows of its events (by number): what is derived from them is counted anew.
pub(crate) fn recount(
    blocks: &[EncodedBlock],
    events: &EncodedBlock,
    refused: &BTreeSet<usize>,
    place: BatchPlace,
) -> Result<Vec<EncodedBlock>, BadBlock> {
    let kept: Vec<usize> = (0..events.rows).filter(|row| !refused.contains(row)).collect();
    let names = match blocks.iter().find(|block| block.table == AppsBlock::TABLE) {
        Some(apps) => names(apps)?,
        None => BTreeMap::new(),
    };
    let mut usage = Usage::default();
    count(&events.select(&kept)?, &names, &mut usage)?;
    let others = blocks.iter().filter(|block| !TABLES.contains(&block.table)).cloned();
    Ok(others.chain(usage.seal(place)).collect())
}

/// (tenant, app) → what it is called: the one thing that a row of `events` does not tell.
fn names(apps: &EncodedBlock) -> Result<BTreeMap<(String, String), String>, BadBlock> {
    let keys = apps.texts("tenant")?.into_iter().zip(apps.texts("app_key")?);
    Ok(keys.zip(apps.texts("name")?).collect())
}

fn count(events: &EncodedBlock, names: &BTreeMap<(String, String), String>, usage: &mut Usage) -> Result<(), BadBlock> {
    let (tenants, apps, departments) = (events.texts("tenant")?, events.texts("app_key")?, events.texts("department")?);
    let (sessions, ids, categories) =
        (events.texts("session_id")?, events.texts("app_native_id")?, events.texts("category")?);
    let (times, people, first_party) =
        (events.numbers("occurred_at")?, events.numbers("user_key")?, events.numbers("is_first_party")?);
    let (sources, kinds) = (members(events, "source", Source::from_index)?, members(events, "kind", Kind::from_index)?);
    let outcomes = members(events, "outcome", Outcome::from_index)?;
    let id_kinds = members(events, "app_id_kind", AppIdKind::from_index)?;
    let app_kinds = members(events, "app_kind", AppKind::from_index)?;
    let sight = |row: usize| {
        let text = |texts: &'_ [String]| texts.get(row).cloned();
        let (tenant, app_key) = (text(&tenants)?, text(&apps)?);
        let name = names.get(&(tenant.clone(), app_key.clone())).cloned().unwrap_or_default();
        Some((tenant, app_key, name, text(&departments)?, text(&sessions)?, text(&ids)?, text(&categories)?))
    };
    for row in 0..events.rows {
        let Some((tenant, app_key, name, department, session_id, id, category)) = sight(row) else { continue };
        let (Some(Some(source)), Some(Some(kind)), Some(Some(outcome))) =
            (sources.get(row), kinds.get(row), outcomes.get(row))
        else {
            continue;
        };
        let (Some(Some(id_kind)), Some(Some(app_kind))) = (id_kinds.get(row), app_kinds.get(row)) else {
            continue;
        };
        if app_key.is_empty() {
            continue;
        }
        let number = |numbers: &[u64]| numbers.get(row).copied().unwrap_or_default();
        usage.see(&Sight {
            tenant: &tenant,
            app_number: 0,
            app_key: &app_key,
            department: &department,
            // The column holds the bits of a signed number.
            occurred_at: Timestamp(i64::from_ne_bytes(number(&times).to_ne_bytes())),
            kind: *kind,
            outcome: *outcome,
            user_key: number(&people),
            session_id: &session_id,
            app: AppRef { source: source.issuer(), id_kind: *id_kind, id: &id },
            app_kind: *app_kind,
            name: &name,
            category: &category,
            is_first_party: number(&first_party) != 0,
        });
    }
    Ok(())
}

/// A column of a closed set.
fn members<T>(
    events: &EncodedBlock,
    column: &'static str,
    member: impl Fn(u8) -> Option<T>,
) -> Result<Vec<Option<T>>, BadBlock> {
    let numbers = events.numbers(column)?;
    Ok(numbers.into_iter().map(|index| member(u8::try_from(index).unwrap_or(u8::MAX))).collect())
}

#[cfg(test)]
mod tests {
    use codec::decode_log_record;
    use event::LogId;

    use super::*;
    use crate::{
        batch::{Open, Sealed},
        fixture::{MARCH_MS, enricher, record, sign_on},
    };

    /// A batch of sign-ons of these people, each to one of two apps; half of them in a session.
    fn batch(people: &[u64]) -> Sealed {
        let sessions = ["", "s1", "s2"];
        let events: Vec<_> = people
            .iter()
            .map(|person| {
                let app = if person % 2 == 0 { "0oa1" } else { "0oa2" };
                let mut event = sign_on(u128::from(*person), app, *person, MARCH_MS);
                event.occurred_at = Timestamp(MARCH_MS + i64::try_from(*person).unwrap());
                event.session_id = sessions[usize::try_from(person % 3).unwrap()];
                event
            })
            .collect();
        let value = record(&events);
        let mut open = Open::new(LogId(7), 1, 40);
        let decoded = decode_log_record(&value).unwrap();
        open.take(40, Timestamp(5), decoded, value.len(), &mut enricher()).unwrap();
        open.seal()
    }

    /// The values of a block, row by row, in any order of rows.
    fn rows(block: &EncodedBlock) -> Vec<bytes_of_row::Row> {
        let mut rows: Vec<_> =
            (0..block.rows).map(|row| block.select(&[row]).unwrap()).map(|one| bytes_of_row::of(&one)).collect();
        rows.sort();
        rows
    }

    mod bytes_of_row {
        use store::EncodedBlock;

        pub(super) type Row = (String, String, Vec<u64>);

        /// What tells rows of these tables apart.
        pub(super) fn of(one: &EncodedBlock) -> Row {
            let numbers = [
                "user_key",
                "session_key",
                "rows",
                "uses",
                "first_used_at",
                "last_used_at",
                "first_seen_at",
                "last_seen_at",
            ];
            let known = numbers.iter().filter_map(|column| one.numbers(column).ok()).flatten().collect();
            // The hours of connections name no app.
            (one.table.to_owned(), one.texts("app_key").unwrap_or_default().concat(), known)
        }
    }

    #[test]
    fn use_without_the_refused_events_is_as_if_they_had_never_been() {
        let all: Vec<u64> = (1..40).collect();
        let whole = batch(&all);
        let events = &whole.blocks[0];
        let people = events.numbers("user_key").unwrap();
        let place = BatchPlace { log_id: 7, partition: 1, offset: 40 };
        let refused: BTreeSet<usize> =
            (0..events.rows).filter(|row| people[*row] % 5 == 1 || people[*row] % 2 == 1).collect();
        let kept: Vec<u64> = all.into_iter().filter(|person| person % 5 != 1 && person % 2 != 1).collect();
        let recounted = recount(&whole.blocks, events, &refused, place).unwrap();
        let expected = batch(&kept);
        let tables = |blocks: &[EncodedBlock]| blocks.iter().map(|block| block.table).collect::<Vec<_>>();
        assert_eq!(tables(&recounted), tables(&expected.blocks));
        for (found, expected) in recounted.iter().zip(&expected.blocks).skip(1) {
            assert_eq!(rows(found), rows(expected));
            assert_eq!(found.table == AppsBlock::TABLE, found.texts("name").is_ok_and(|names| names == ["Notes"]));
        }
    }
}
