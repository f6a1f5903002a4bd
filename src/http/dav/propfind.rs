//! PROPFIND (RFC 4918, 9.1), of one resource or of it and what is directly in it.

use std::fmt::Write;

use axum::http::{StatusCode, header};

use super::{
    paths::Resource,
    properties::{Questions, Target},
    reply::Reply,
    session::{Asked, Session},
};
use crate::{
    books::served::StoreError,
    dav::{Condition, Multistatus, read_propfind},
};

impl Session<'_> {
    pub(super) fn propfind(&mut self, asked: &Asked, resource: &Resource) -> Result<Reply, StoreError> {
        // Without a word, RFC 4918 has all there is: of a book, that is all there is in it.
        let with_members = match asked.custom("depth") {
            Some("0") => false,
            None | Some("1") => true,
            Some(depth) if depth.eq_ignore_ascii_case("infinity") => {
                let why = "ask with Depth: 1, resource by resource";
                return Ok(Reply::refused(StatusCode::FORBIDDEN, Condition::FinitePropfind, "", why));
            }
            Some(_) => return Ok(Reply::bad("Depth is none of 0, 1 and infinity")),
        };
        let text = match asked.text() {
            Ok(text) => text,
            Err(reply) => return Ok(reply),
        };
        let properties = match read_propfind(&text) {
            Ok(properties) => properties,
            Err(error) => return Ok(Reply::bad(error)),
        };
        let less = asked.prefers_less();
        let questions = Questions::of(properties, less);
        let mut out = self.multistatus();
        if !self.tell(&mut out, &questions, asked, (resource, with_members))? {
            return Ok(Reply::not_found());
        }
        Ok(Reply::multistatus(out.finish(None)).with(header::VARY, "Brief, Prefer").abridged(less))
    }

    /// Answers the questions about a resource, and about what is in it. False where there is nothing.
    fn tell(
        &mut self,
        out: &mut Multistatus<impl Write>,
        questions: &Questions<'_>,
        asked: &Asked,
        (resource, with_members): (&Resource, bool),
    ) -> Result<bool, StoreError> {
        let facts = self.facts();
        let principal = self.paths.principal(&self.device.name);
        let mut say = |address: &str, target: Target<'_>| questions.answer(out, address, &facts, target, |_| ());
        match resource {
            Resource::Root => {
                // Under the path that was asked for: programs look for it in the answer.
                say(&asked.path, Target::Root);
                if with_members {
                    say(&principal, Target::Principal);
                }
            }
            Resource::Principal => {
                say(&principal, Target::Principal);
                if with_members {
                    let look = self.store.look(self.device.id)?;
                    say(&self.paths.book(&self.device.name), Target::Book(&look));
                }
            }
            Resource::Book => {
                // Before its cards: a change in between is told once more rather than never.
                let look = self.store.look(self.device.id)?;
                let book = self.paths.book(&self.device.name);
                say(&book, Target::Book(&look));
                if with_members {
                    self.store.members(self.device.id, |member| {
                        say(&self.paths.card(&self.device.name, &member.name), Target::Card(&member));
                    })?;
                }
            }
            Resource::Card(name) => match self.store.member(self.device.id, name)? {
                Some(member) => say(&self.paths.card(&self.device.name, name), Target::Card(&member)),
                None => return Ok(false),
            },
            Resource::Nothing | Resource::Foreign => return Ok(false),
        }
        Ok(true)
    }
}
