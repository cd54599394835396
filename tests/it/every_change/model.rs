//! What must be told of, worked out from nothing but the histories of the records and when somebody looked.
//!
//! A poll sees the newest version of each record, and versions in between are nobody's. A poll that came to its end
//! must have told of what it saw; one that died may have told of any part of it, and what it left behind is one of
//! several *worlds*: what came out keeps only those that explain it. When none is left, something was lost or made up.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// Stamps have whole seconds: a version of this second may still get company.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// What is committed later than this is found by the daily look back.
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

pub(super) type Values = BTreeMap<&'static str, String>;

#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) stamp: Timestamp,
    /// The how-manieth thing that happened in all.
    pub(super) happened: u64,
    /// Committed late: seen from then on.
    pub(super) visible_from: Timestamp,
    /// To the recycle bin: from here on it isn't seen.
    pub(super) gone: bool,
    pub(super) values: Values,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) versions: Vec<Version>,
}

/// When somebody looked: after so many happenings, at this time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    pub(super) happened: u64,
    pub(super) at: Timestamp,
}

impl Record {
    pub(super) fn made(&self) -> Timestamp {
        self.versions[0].stamp
    }

    /// The newest version that was to be seen.
    fn seen_at(&self, moment: Moment) -> Option<&Version> {
        let visible =
            |version: &&Version| version.happened <= moment.happened && version.visible_from <= moment.at;
        self.versions.iter().rfind(visible).filter(|version| !version.gone)
    }
}

/// One process's poll: when it read, and whether it came to its end.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// What it believes of the flows is from then, or a little older.
    pub(super) began: Timestamp,
    /// Before and after each page.
    pub(super) moments: Vec<Moment>,
    pub(super) ended_well: bool,
    /// It reads the last two days again.
    pub(super) looks_back: bool,
}

/// Which versions of a record a flow is told of.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// Each record once, by when it was made.
    EachRecord,
    /// Each record once, the first time that it is met.
    First,
    /// Each version.
    EachVersion,
    /// Each version but the first that is met.
    AfterTheFirst,
    /// Those that change as the rule says.
    Changed(Rule),
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) field: &'static str,
    /// None: any change.
    pub(super) to: Option<&'static [&'static str]>,
    pub(super) from: Option<&'static [&'static str]>,
}

impl Rule {
    fn applies(&self, before: Option<&Values>, now: &Values) -> bool {
        let (was, is) = (before.map(|values| &values[self.field]), &now[self.field]);
        if was == Some(is) {
            return false;
        }
        let among = |words: &[&str], word: &String| words.contains(&word.as_str());
        match (self.from, self.to) {
            // Not known before, it can't be said to have changed.
            (None, None) => was.is_some(),
            (from, to) => {
                from.is_none_or(|from| was.is_some_and(|was| among(from, was)))
                    && to.is_none_or(|to| among(to, is))
            }
        }
    }
}

/// What a flow watches.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) flow: String,
    pub(super) only: Option<(&'static str, &'static str)>,
    pub(super) told: Told,
    pub(super) live_from: Timestamp,
}

impl Watched {
    /// Whether it goes on where another version has read to: what both tell of has the same keys.
    pub(super) fn may_take_over(&self, before: &Self) -> bool {
        let same = std::mem::discriminant(&self.told) == std::mem::discriminant(&before.told);
        same && !matches!(self.told, Told::Changed(_))
    }

    fn takes(&self, version: &Version) -> bool {
        self.only.is_none_or(|(field, value)| version.values[field] == value)
    }

    /// What is known of a record that was read so before the flow was live.
    fn remembers(&self, record: &Record, moment: Moment) -> World {
        let met = if record.made() < self.live_from { Met::BeforeGoingLive } else { Met::Never };
        let version = record.seen_at(moment).filter(|version| self.takes(version));
        // What changes from then on is news.
        let version = version.filter(|version| version.stamp < self.live_from);
        let seen = version.map(|version| version.stamp);
        let values = version.map(|version| version.values.clone());
        World { met, values, seen, open: None, left: None }
    }
}

/// What may be the case with one record of one flow.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    met: Met,
    values: Option<Values>,
    /// The newest version that changed what is remembered: older ones say nothing any more.
    seen: Option<Timestamp>,
    /// A transition that is written down, and perhaps not told of.
    open: Option<Timestamp>,
    /// One that a newer one took the place of meanwhile: who has written it down, and stood still since, may tell of it
    /// yet.
    left: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    #[default]
    Never,
    /// By this version.
    By(Timestamp),
    BeforeGoingLive,
}

/// What a flow was told of, and what may be the case with each of its records.
pub(super) struct Checked {
    pub(super) watched: Watched,
    worlds: BTreeMap<String, BTreeSet<World>>,
    told: BTreeSet<String>,
    quiet: BTreeMap<String, Timestamp>,
}

impl Checked {
    /// A flow that isn't live.
    pub(super) fn idle(watched: Watched) -> Self {
        Self { watched, worlds: BTreeMap::new(), told: BTreeSet::new(), quiet: BTreeMap::new() }
    }

    /// A flow that goes live while this was read: what was there is known, and no news, also to who believes that it
    /// is as it was `before`. What was told of then would be the same runs.
    pub(super) fn goes_live(
        watched: Watched,
        there: &BTreeMap<String, Record>,
        read: &[Moment],
        before: &mut Self,
    ) -> Self {
        for id in there.keys() {
            let worlds =
                before.worlds.entry(id.clone()).or_insert_with(|| BTreeSet::from([World::default()]));
            let known = |world: &World| World { met: Met::BeforeGoingLive, ..world.clone() };
            worlds.extend(worlds.iter().map(known).collect::<Vec<_>>());
        }
        let worlds = there.iter().map(|(id, record)| {
            let worlds = read.iter().map(|moment| watched.remembers(record, *moment));
            (id.clone(), worlds.chain(read.is_empty().then(World::default)).collect())
        });
        Self { worlds: worlds.collect(), told: before.told.clone(), ..Self::idle(watched) }
    }

    pub(super) fn told(&self) -> usize {
        self.told.len()
    }

    /// Polls have looked, and these keys came out: whether that is as it must be, or as it was `before` the flow went
    /// live anew.
    pub(super) fn check(
        &mut self,
        records: &BTreeMap<String, Record>,
        looks: &[Look],
        came: &BTreeSet<String>,
        before: &mut [Self],
    ) -> Result<(), String> {
        let mut new: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for key in came.difference(&self.told) {
            let id = key.split('@').next().unwrap_or_default();
            new.entry(id.to_owned()).or_default().insert(key.clone());
        }
        if let Some(id) = new.keys().find(|id| !records.contains_key(*id)) {
            return Err(format!("{}: there is no record {id}", self.watched.flow));
        }
        for (id, record) in records {
            let new = new.remove(id).unwrap_or_default();
            let is_so = self.check_record(id, record, looks, &new);
            let mut was_so = false;
            for before in before.iter_mut() {
                match before.check_record(id, record, looks, &new) {
                    Ok(()) => was_so = true,
                    // It was told of as the flow is now; who believed it to be as before has looked all the same.
                    Err(_) => drop(before.check_record(id, record, looks, &BTreeSet::new())),
                }
            }
            match is_so {
                Err(_) if was_so => self.check_record(id, record, looks, &BTreeSet::new())?,
                so => so?,
            }
            self.told.extend(new);
        }
        Ok(())
    }

    fn check_record(
        &mut self,
        id: &str,
        record: &Record,
        looks: &[Look],
        new: &BTreeSet<String>,
    ) -> Result<(), String> {
        let seen = self.seen(record, looks);
        let nothing_new = match seen.as_slice() {
            [] => true,
            [(version, _)] => self.quiet.get(id) == Some(&version.stamp),
            _ => false,
        };
        if nothing_new && new.is_empty() {
            return Ok(());
        }
        let worlds = self.worlds.entry(id.to_owned()).or_insert_with(|| BTreeSet::from([World::default()]));
        let mut paths: BTreeSet<(World, BTreeSet<String>)> =
            worlds.iter().map(|world| (world.clone(), BTreeSet::new())).collect();
        for (version, for_sure) in &seen {
            let mut next = BTreeSet::new();
            for (world, told) in paths {
                for (world, key) in outcomes(&self.watched.told, &world, id, version, *for_sure) {
                    let mut told = told.clone();
                    told.extend(key.filter(|key| !self.told.contains(key)));
                    next.insert((world, told));
                }
            }
            paths = next;
        }
        if looks.iter().any(|look| !look.ended_well) {
            let late = |(world, told): &(World, BTreeSet<String>)| {
                let key = format!("{id}@{}", world.left?);
                let told = told.iter().cloned().chain([key]).collect();
                Some((World { left: None, ..world.clone() }, told))
            };
            paths.extend(paths.iter().filter_map(late).collect::<Vec<_>>());
        }
        let fits: BTreeSet<World> =
            paths.iter().filter(|(_, told)| told == new).map(|(world, _)| world.clone()).collect();
        if fits.is_empty() {
            let could: Vec<&BTreeSet<String>> = paths.iter().map(|(_, told)| told).collect();
            return Err(format!(
                "{}: of {id} came {new:?}, and what could come is {could:?}.\nSeen, and for sure: {seen:#?}\nIts history: {:#?}",
                self.watched.flow, record.versions
            ));
        }
        if let [(version, true)] = seen.as_slice()
            && fits.iter().all(|world| world.open.is_none())
        {
            self.quiet.insert(id.to_owned(), version.stamp);
        } else {
            self.quiet.remove(id);
        }
        *worlds = fits;
        Ok(())
    }

    /// The versions that may have been seen, in their order, and whether a poll that ended well has seen it for sure.
    fn seen(&self, record: &Record, looks: &[Look]) -> Vec<(Version, bool)> {
        let by_making = matches!(self.watched.told, Told::EachRecord);
        let mut seen: Vec<(Version, bool)> = Vec::new();
        for look in looks {
            let (Some(first), Some(last)) = (look.moments.first(), look.moments.last()) else { continue };
            let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
            let mut versions: Vec<Option<&Version>> = Vec::new();
            for moment in &look.moments {
                let version = record.seen_at(*moment).filter(|version| self.watched.takes(version));
                if versions.last().is_none_or(|last| last.map(|v| v.happened) != version.map(|v| v.happened))
                {
                    versions.push(version);
                }
            }
            let steady = versions.len() == 1;
            for version in versions.into_iter().flatten() {
                let goes_by = if by_making { record.made() } else { version.stamp };
                let settled = |moment: &Moment| goes_by <= whole(moment.at) - SETTLED_AFTER;
                if goes_by < self.watched.live_from || !settled(last) {
                    continue;
                }
                let committed = if by_making { &record.versions[0] } else { version };
                let in_time = committed.visible_from <= committed.stamp + OVERLAP || look.looks_back;
                let for_sure = look.ended_well && steady && settled(first) && in_time;
                match seen.iter_mut().find(|(known, _)| known.happened == version.happened) {
                    // Two have seen it: once by chance, and then for sure.
                    Some((_, known)) => *known |= for_sure,
                    None => seen.push((version.clone(), for_sure)),
                }
            }
        }
        seen.sort_by_key(|(version, _)| version.happened);
        seen
    }
}

/// What may become of a world in which this version is met, and what is told.
fn outcomes(
    told: &Told,
    world: &World,
    id: &str,
    version: &Version,
    for_sure: bool,
) -> Vec<(World, Option<String>)> {
    let by_version = format!("{id}@{}", version.stamp);
    let met = World { met: Met::By(version.stamp), ..world.clone() };
    let same = || (world.clone(), None);
    match told {
        Told::EachRecord => maybe(for_sure, vec![(world.clone(), Some(id.to_owned()))], vec![same()]),
        Told::EachVersion => maybe(for_sure, vec![(world.clone(), Some(by_version))], vec![same()]),
        Told::First if world.met != Met::Never => vec![same()],
        Told::First => {
            let id = id.to_owned();
            maybe(for_sure, vec![(met, Some(id.clone()))], vec![same(), (world.clone(), Some(id))])
        }
        Told::AfterTheFirst => match world.met {
            Met::Never => maybe(for_sure, vec![(met, None)], vec![same()]),
            Met::By(stamp) if stamp == version.stamp => vec![same()],
            Met::By(_) | Met::BeforeGoingLive => {
                maybe(for_sure, vec![(world.clone(), Some(by_version))], vec![same()])
            }
        },
        Told::Changed(rule) => {
            let is_old = world.seen.is_some_and(|seen| version.stamp < seen);
            let now = if is_old { &world.values } else { &Some(version.values.clone()) };
            let is_transition = !is_old && rule.applies(world.values.as_ref(), &version.values);
            let open = if is_transition { Some(version.stamp) } else { world.open };
            let key = open.map(|stamp| format!("{id}@{stamp}"));
            let seen = world.seen.max(Some(version.stamp));
            let left = if is_transition && world.open.is_some() { world.open } else { world.left };
            let half = World { values: now.clone(), seen, open, left, ..world.clone() };
            let done = World { open: None, ..half.clone() };
            let mut whole = vec![(done.clone(), key.clone())];
            if *now == world.values {
                // What is as it is remembered needn't be remembered anew.
                whole.push((World { seen: world.seen, ..done }, key.clone()));
            }
            maybe(for_sure, whole, vec![same(), (half.clone(), None), (half, key)])
        }
    }
}

fn maybe<T>(for_sure: bool, mut whole: Vec<T>, parts: Vec<T>) -> Vec<T> {
    if !for_sure {
        whole.extend(parts);
    }
    whole
}
