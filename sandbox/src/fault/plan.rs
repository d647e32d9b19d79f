use super::Action;
use super::script::mix;
use crate::step::{Next, Step};
use bytes::BytesMut;

/// What the script says about one point of a dialogue.
#[derive(Debug)]
pub(crate) struct Plan {
    seed: u64,
    actions: Vec<Action>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let actions = Vec::new();
        Self { seed, actions }
    }

    pub(super) fn push(&mut self, action: Action, occurrence: u64) {
        self.seed = mix(self.seed ^ occurrence);
        self.actions.push(action);
    }

    /// Adds what an address asks for.
    pub(crate) fn also(&mut self, actions: impl IntoIterator<Item = Action>) {
        self.actions.extend(actions);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// True if the command may take effect.
    pub(crate) fn permits(&self) -> bool {
        !self.actions.iter().any(Action::refuses)
    }

    /// True if the reply that is put in place of the proper one begins so.
    pub(crate) fn replies_with(&self, start: &[u8]) -> bool {
        let is = |action: &Action| matches!(action, Action::Reply(line) | Action::Raw(line) if line.starts_with(start));
        self.actions.iter().any(is)
    }

    /// The number of octets of content after which the connection is to be closed.
    pub(crate) fn content_limit(&self) -> Option<usize> {
        self.actions.iter().find_map(|action| match action {
            Action::DropAfterBytes(n) => Some(*n),
            _ => None,
        })
    }

    /// Turns the proper reply, which stands in `out` from `start` on, into what is really sent. What only a driver
    /// can do is left in the step.
    pub(crate) fn apply(self, mut step: Step, out: &mut BytesMut, start: usize) -> Step {
        let mut reply = out.split_off(start.min(out.len()));
        let (mut before, mut after) = (BytesMut::new(), BytesMut::new());
        for action in self.actions {
            match action {
                Action::Reply(line) => reply = terminated(&line),
                Action::Raw(bytes) => reply = BytesMut::from(bytes.as_slice()),
                Action::Garbage(n) => reply = garbage(self.seed, n),
                Action::ReplyBefore(line) => before.unsplit(terminated(&line)),
                Action::ReplyAfter(line) => after.unsplit(terminated(&line)),
                Action::Omit => reply.clear(),
                Action::DropBefore | Action::DropUnanswered => {
                    reply.clear();
                    step.next = Next::Drop;
                }
                Action::DropAfter => step.next = Next::Drop,
                Action::Silence | Action::Endless(_) => {
                    reply.clear();
                    step.actions.push(action);
                }
                other => step.actions.push(other),
            }
        }
        out.unsplit(before);
        out.unsplit(reply);
        out.unsplit(after);
        step
    }
}

fn terminated(line: &[u8]) -> BytesMut {
    let mut line = BytesMut::from(line);
    if !line.ends_with(b"\r\n") {
        line.extend_from_slice(b"\r\n");
    }
    line
}

fn garbage(seed: u64, length: usize) -> BytesMut {
    let word = |n: usize| mix(seed ^ n as u64).to_le_bytes();
    (0..length.div_ceil(8))
        .flat_map(word)
        .take(length)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Protocol, Script, Stage};
    use super::*;
    use crate::Fault;

    fn applied(actions: &[Action]) -> (Step, Vec<u8>) {
        let faults = actions
            .iter()
            .map(|action| Fault::smtp(Stage::Mail, action.clone()))
            .collect();
        let plan = Script::new(3, faults).pass(Protocol::Smtp, &[Stage::Mail]);
        let mut out = BytesMut::from(&b"old\r\n250 ok\r\n"[..]);
        let step = plan.apply(Step::new(Stage::Mail, ""), &mut out, 5);
        (step, out.to_vec())
    }

    #[test]
    fn replies_are_replaced_surrounded_and_left_out() {
        assert_eq!(applied(&[]).1, b"old\r\n250 ok\r\n");
        assert_eq!(
            applied(&[Action::Reply(b"550 no".to_vec())]).1,
            b"old\r\n550 no\r\n"
        );
        assert_eq!(applied(&[Action::Raw(b"2".to_vec())]).1, b"old\r\n2");
        assert_eq!(applied(&[Action::Omit]).1, b"old\r\n");
        let around = [
            Action::ReplyBefore(b"1".to_vec()),
            Action::ReplyAfter(b"2\r\n".to_vec()),
        ];
        assert_eq!(applied(&around).1, b"old\r\n1\r\n250 ok\r\n2\r\n");
    }

    #[test]
    fn drops_close_and_driver_actions_stay_in_the_step() {
        let (step, out) = applied(&[Action::DropUnanswered]);
        assert_eq!((step.next, &out[..]), (Next::Drop, &b"old\r\n"[..]));
        let (step, out) = applied(&[Action::DropAfter]);
        assert_eq!(
            (step.next, &out[..]),
            (Next::Drop, &b"old\r\n250 ok\r\n"[..])
        );
        let (step, _) = applied(&[Action::SplitAt(3)]);
        assert_eq!(step.actions, [Action::SplitAt(3)]);
    }

    #[test]
    fn garbage_is_as_long_as_asked_and_the_same_every_time() {
        let (first, second) = (
            applied(&[Action::Garbage(13)]).1,
            applied(&[Action::Garbage(13)]).1,
        );
        assert_eq!(first.len(), 5 + 13);
        assert_eq!(first, second);
    }
}
