//! The tenants of one thread, by name. Events come in runs of one tenant, so the one before is compared first.

use hashbrown::HashMap;

use crate::tenant::Tenant;

/// Tenants that are known; none is ever taken out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenants {
    places: HashMap<String, usize>,
    known: Vec<(String, Tenant)>,
    /// The place of the one before.
    last: usize,
}

impl Tenants {
    pub(crate) fn get(&self, name: &str) -> Option<&Tenant> {
        let place = *self.places.get(name)?;
        self.known.get(place).map(|(_, tenant)| tenant)
    }

    /// The tenant, made when it is new: `make` is told how many there were before.
    #[inline]
    pub(crate) fn get_or_make(&mut self, name: &str, make: impl FnOnce(u64) -> Tenant) -> &mut Tenant {
        if self.known.get(self.last).is_none_or(|(known, _)| known != name) {
            self.last = self.place(name, make);
        }
        let last = self.last;
        // The place was just looked up or made.
        #[expect(clippy::indexing_slicing, reason = "every place that `place` gives is one of `known`")]
        let (_, tenant) = &mut self.known[last];
        tenant
    }

    fn place(&mut self, name: &str, make: impl FnOnce(u64) -> Tenant) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.known.len();
        self.known.push((name.to_owned(), make(place as u64)));
        self.places.insert(name.to_owned(), place);
        place
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tenant)> {
        self.known.iter_mut().map(|(name, tenant)| (name.as_str(), tenant))
    }
}
