//! What the parsers ask the catalogue: is this app one of the provider's own?
//!
//! A parser is pure and takes a plain function, so the catalogue that answers is the one of this process, set once at start. It
//! stays when another is swapped in: who is first party is said by files of the binary alone, never by a company's own file of apps (the
//! test `an_own_file_changes_nothing_about_who_is_first_party_or_rogue` of `catalog` holds it).

use std::sync::{Arc, OnceLock};

use catalog::Catalogue;
use event::{AppIdKind, AppRef, Source};

static CATALOGUE: OnceLock<Arc<Catalogue>> = OnceLock::new();

/// Sets the catalogue that answers. The first one stays.
pub(crate) fn set_catalogue(catalogue: &Arc<Catalogue>) {
    CATALOGUE.get_or_init(|| Arc::clone(catalogue));
}

/// Is this client id one of the provider's own apps?
pub(crate) fn is_first_party(source: Source, client_id: &str) -> bool {
    let app = AppRef { source, id_kind: AppIdKind::ClientId, id: client_id };
    CATALOGUE.get().is_some_and(|catalogue| catalogue.resolve(&app, "").is_first_party)
}

/// Reads the embedded catalogue for a command that runs no role.
pub(crate) fn load_catalogue() -> anyhow::Result<()> {
    let catalogue =
        Catalogue::embedded().map_err(|error| anyhow::anyhow!("the embedded catalogue is broken: {error}"))?;
    set_catalogue(&Arc::new(catalogue));
    Ok(())
}
