//! The rows of one kind of object, contacts or firms, with their lists: the SQL is made from its shape.

use std::sync::LazyLock;

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params, params_from_iter};

use super::object::{CONTACT, Entry, FIRM, FIRM_SCALARS, LABEL, ListShape, Object, SCALARS, Shape, Value};

/// The contacts' tables.
pub static CONTACTS: LazyLock<Table<{ SCALARS.len() }>> = LazyLock::new(|| Table::new(&CONTACT));

/// The firms' tables.
pub static FIRMS: LazyLock<Table<{ FIRM_SCALARS.len() }>> = LazyLock::new(|| Table::new(&FIRM));

/// The columns beside the reference that both have.
const BESIDE: [&str; 4] = ["reference", "creator_id", "language", "created_at"];

/// The statements on one kind of object.
pub struct Table<const N: usize> {
    /// What it is made of.
    pub shape: &'static Shape<N>,
    count: String,
    ids: String,
    at: String,
    select: String,
    insert: String,
    refer: String,
    update: String,
    delete: String,
    lists: [ListSql; 2],
}

/// The statements on one list.
struct ListSql {
    fields: usize,
    select: String,
    insert: String,
    update: String,
    delete: String,
}

impl ListSql {
    fn new(shape: &ListShape, owner: &str) -> Self {
        let ListShape { table, fields, .. } = shape;
        let columns = [fields.join(", "), LABEL.to_owned()].join(", ");
        Self {
            fields: fields.len(),
            select: format!(
                "SELECT {owner}_id, id, {LABEL}, {} FROM {table} WHERE {owner}_id BETWEEN ?1 AND ?2 \
                 ORDER BY {owner}_id, id",
                fields.join(", ")
            ),
            insert: format!("INSERT INTO {table} ({columns}, {owner}_id) VALUES ({})", marks(fields.len() + 2)),
            update: format!("UPDATE {table} SET {} = ? WHERE id = ?", columns.replace(", ", " = ?, ")),
            delete: format!("DELETE FROM {table} WHERE id = ?"),
        }
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

impl<const N: usize> Table<N> {
    fn new(shape: &'static Shape<N>) -> Self {
        let table = shape.many;
        // The narrow index makes far pages cheap: the table itself would be walked through row by row, comments and all.
        let in_order = format!("FROM {table} INDEXED BY {table}_in_order");
        let columns = [BESIDE.as_slice(), &shape.scalars].concat().join(", ");
        Self {
            shape,
            count: format!("SELECT count(*) {in_order}"),
            ids: format!("SELECT id FROM {table} ORDER BY id"),
            at: format!("SELECT id {in_order} ORDER BY id LIMIT 1 OFFSET ?"),
            select: format!("SELECT id, {columns} FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id"),
            insert: format!("INSERT INTO {table} (id, {columns}) VALUES ({})", marks(1 + BESIDE.len() + N)),
            refer: format!("UPDATE {table} SET reference = printf('{}%05d', id) WHERE id = ?", &shape.title[..1]),
            update: format!("UPDATE {table} SET {} = ? WHERE id = ?", shape.scalars.join(" = ?, ")),
            delete: format!("DELETE FROM {table} WHERE id = ?"),
            lists: shape.lists.map(|list| ListSql::new(list, shape.one)),
        }
    }

    /// Stores a new one under a number, or the next one, and gives the number.
    pub fn insert(
        &self,
        transaction: &Transaction<'_>,
        number: Option<i64>,
        object: &Object<N>,
    ) -> rusqlite::Result<i64> {
        let Object { id: _, reference, creator_id, language, created_at, scalars, lists } = object;
        let number = number.map(|number| number.to_string());
        let own = [number, reference.clone(), creator_id.clone(), language.clone(), Some(created_at.clone())];
        let values = own.into_iter().chain(scalars.iter().cloned());
        transaction.prepare_cached(&self.insert)?.execute(params_from_iter(values))?;
        let id = transaction.last_insert_rowid();
        if reference.is_none() {
            transaction.prepare_cached(&self.refer)?.execute([id])?;
        }
        for (sql, entries) in self.lists.iter().zip(lists) {
            save_list(transaction, sql, id, &[], entries)?;
        }
        Ok(id)
    }

    /// Whether there is one of this number.
    pub fn has(&self, connection: &Connection, id: i64) -> rusqlite::Result<bool> {
        connection.prepare_cached(&self.select)?.exists([id, id])
    }

    /// Removes one; false when there was none.
    pub fn delete(&self, connection: &Connection, id: i64) -> rusqlite::Result<bool> {
        Ok(connection.prepare_cached(&self.delete)?.execute([id])? > 0)
    }

    fn count(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let count: i64 = connection.prepare_cached(&self.count)?.query_row([], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Those from one number to another, with their lists, by number.
    fn load(&self, connection: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<Object<N>>> {
        let mut statement = connection.prepare_cached(&self.select)?;
        let mut objects: Vec<Object<N>> = statement.query_map([first, last], object)?.collect::<Result<_, _>>()?;
        for (at, sql) in self.lists.iter().enumerate() {
            let mut statement = connection.prepare_cached(&sql.select)?;
            let mut rows = statement.query(params![first, last])?;
            let mut owners = objects.iter_mut().peekable();
            while let Some(row) = rows.next()? {
                let of: i64 = row.get(0)?;
                // Both sides ascend, so the owner is never behind us.
                while owners.next_if(|owner| owner.id < of).is_some() {}
                let Some(owner) = owners.peek_mut().filter(|owner| owner.id == of) else { continue };
                let label = row.get(2)?;
                let values = (3..3 + sql.fields).map(|column| row.get(column)).collect::<Result<_, _>>()?;
                owner.lists[at].push(Entry { id: row.get(1)?, label, values });
            }
        }
        Ok(objects)
    }
}

fn object<const N: usize>(row: &Row<'_>) -> rusqlite::Result<Object<N>> {
    let mut scalars: [Value; N] = [const { None }; N];
    for (at, scalar) in scalars.iter_mut().enumerate() {
        *scalar = row.get(1 + BESIDE.len() + at)?;
    }
    Ok(Object {
        id: row.get(0)?,
        reference: row.get(1)?,
        creator_id: row.get(2)?,
        language: row.get(3)?,
        created_at: row.get(4)?,
        scalars,
        lists: Default::default(),
    })
}

fn save_list(
    transaction: &Transaction<'_>,
    sql: &ListSql,
    owner: i64,
    old: &[Entry],
    new: &[Entry],
) -> rusqlite::Result<()> {
    for gone in old.iter().filter(|entry| new.iter().all(|kept| kept.id != entry.id)) {
        transaction.prepare_cached(&sql.delete)?.execute([gone.id])?;
    }
    for entry in new.iter().filter(|entry| !old.contains(entry)) {
        // The last parameter is the owner of a new entry, the number of a known one.
        let (sql, last) = if entry.id == 0 { (&sql.insert, owner) } else { (&sql.update, entry.id) };
        let values = entry.values.iter().cloned().chain([entry.label.clone(), Some(last.to_string())]);
        transaction.prepare_cached(sql)?.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// The rows of one kind in an open state.
pub struct Rows<'a, const N: usize> {
    connection: &'a mut Connection,
    table: &'static Table<N>,
}

impl<'a, const N: usize> Rows<'a, N> {
    /// Those of this connection.
    pub fn new(connection: &'a mut Connection, table: &'static Table<N>) -> Self {
        Self { connection, table }
    }

    /// How many there are.
    pub fn count(&self) -> rusqlite::Result<usize> {
        self.table.count(self.connection)
    }

    /// The numbers of all, ascending.
    pub fn ids(&self) -> rusqlite::Result<Vec<i64>> {
        self.connection.prepare_cached(&self.table.ids)?.query_map([], |row| row.get(0))?.collect()
    }

    /// One.
    pub fn get(&self, id: i64) -> rusqlite::Result<Option<Object<N>>> {
        Ok(self.table.load(self.connection, id, id)?.pop())
    }

    /// Whether there is one of this number.
    pub fn has(&self, id: i64) -> rusqlite::Result<bool> {
        self.table.has(self.connection, id)
    }

    /// A page: what `window` asks for once it knows how many there are, as (how many to skip, how many to take); the count
    /// comes back with it, both from the same moment.
    pub fn page(
        self,
        newest_first: bool,
        window: impl FnOnce(usize) -> (usize, usize),
    ) -> rusqlite::Result<(usize, Vec<Object<N>>)> {
        let Self { connection, table } = self;
        let transaction = connection.transaction()?;
        let total = table.count(&transaction)?;
        let (skip, take) = window(total);
        let take = take.min(total.saturating_sub(skip));
        if take == 0 {
            return Ok((total, Vec::new()));
        }
        let skip = if newest_first { total - skip - take } else { skip };
        let mut statement = transaction.prepare_cached(&table.at)?;
        let first = statement.query_row([skip as i64], |row| row.get(0))?;
        let last = statement.query_row([(skip + take - 1) as i64], |row| row.get(0))?;
        let mut objects = table.load(&transaction, first, last)?;
        if newest_first {
            objects.reverse();
        }
        Ok((total, objects))
    }

    /// Stores a new one and gives its number.
    pub fn insert(self, object: &Object<N>) -> rusqlite::Result<i64> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = self.table.insert(&transaction, None, object)?;
        transaction.commit()?;
        Ok(id)
    }

    /// Changes one in one transaction and gives it as it is then; `None` when there is none. An error of `edit` leaves it
    /// alone.
    pub fn change<E>(
        self,
        id: i64,
        edit: impl FnOnce(&mut Object<N>) -> Result<(), E>,
    ) -> rusqlite::Result<Option<Result<Object<N>, E>>> {
        let Self { connection, table } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(old) = table.load(&transaction, id, id)?.pop() else { return Ok(None) };
        let mut new = old.clone();
        if let Err(error) = edit(&mut new) {
            return Ok(Some(Err(error)));
        }
        let values = new.scalars.iter().cloned().chain([Some(id.to_string())]);
        transaction.prepare_cached(&table.update)?.execute(params_from_iter(values))?;
        for (at, sql) in table.lists.iter().enumerate() {
            save_list(&transaction, sql, id, &old.lists[at], &new.lists[at])?;
        }
        let stored = table.load(&transaction, id, id)?.pop();
        transaction.commit()?;
        Ok(stored.map(Ok))
    }

    /// Removes one; false when there was none.
    pub fn delete(self, id: i64) -> rusqlite::Result<bool> {
        self.table.delete(self.connection, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::state::State;

    #[test]
    fn far_pages_are_found_by_the_narrow_index() {
        let state = State::open(None, std::iter::empty, |_| Vec::new()).unwrap();
        check(&state, &CONTACTS);
        check(&state, &FIRMS);
    }

    fn check<const N: usize>(state: &State, table: &Table<N>) {
        for sql in [&table.select, &table.lists[0].select, &table.lists[1].select] {
            let plan = state.plan(sql);
            assert!(plan.starts_with("SEARCH"), "{plan}");
        }
    }
}
