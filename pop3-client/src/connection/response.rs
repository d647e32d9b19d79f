//! The lines after `+OK`: messages through the dot decoder, listings line by line.

use super::maildrop::Named;
use super::{Connection, Received, shown};
use crate::decoder::Scanned;
use crate::{
    DotDecoder, DropListing, Event, LineEnding, MessageNumber, Reply, Request, ScanListing,
    UniqueIdListing, Violation,
};
use bytes::{Bytes, BytesMut};
use postrider_wire::line::trim_ending;

/// A multi-line response that is being received.
#[derive(Debug)]
pub(super) enum Response {
    Body(Body),
    Listing(Listing),
}

#[derive(Debug)]
pub(super) struct Body {
    request: Request,
    number: MessageNumber,
    decoder: DotDecoder,
    octets: u64,
    listed: Option<u64>,
    limit: u64,
}

#[derive(Debug)]
pub(super) struct Listing {
    request: Request,
    lines: usize,
    limit: usize,
    named: Named,
}

impl Connection {
    /// Prepares for what follows a `+OK`; false if nothing does.
    pub(super) fn begin_response(
        &mut self,
        request: Request,
        reply: &Reply,
        line: &[u8],
    ) -> Result<bool, Violation> {
        let response = match request {
            Request::Retr(number) | Request::Top(number) => Response::Body(Body {
                request,
                number,
                decoder: DotDecoder::new(LineEnding::of(line)),
                octets: 0,
                listed: self.maildrop.octets(number),
                limit: self.limits.message(self.maildrop.octets(number)),
            }),
            Request::List(None)
            | Request::Uidl(None)
            | Request::Capa
            | Request::LangList
            | Request::CustomMultiLine => {
                if request == Request::Capa {
                    self.capabilities = crate::Capabilities::default();
                }
                let limit = self.most_lines(request);
                Response::Listing(Listing {
                    request,
                    lines: 0,
                    limit,
                    named: Named::default(),
                })
            }
            Request::Stat | Request::List(Some(_)) | Request::Uidl(Some(_)) => {
                let item = self.single_item(request, reply.raw_text())?;
                self.awaited.pop_front();
                self.ready
                    .extend([item, Event::Finished { request, octets: 0 }]);
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.response = Some(response);
        Ok(true)
    }

    pub(super) fn receive_response(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<Received>, Violation> {
        let event = match &mut self.response {
            Some(Response::Body(body)) => body.receive(input)?,
            Some(Response::Listing(_)) => self.receive_line(input)?.map(Received::Event),
            None => None,
        };
        if let Some(Received::Event(Event::Finished { .. })) = event {
            self.response = None;
            self.awaited.pop_front();
        }
        Ok(event)
    }

    fn receive_line(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Violation> {
        let Some(line) = self.take_line(input)? else {
            return Ok(None);
        };
        let Some(Response::Listing(listing)) = &mut self.response else {
            return Ok(None);
        };
        let text = trim_ending(&line);
        let request = listing.request;
        if text == b"." {
            return Ok(Some(Event::Finished { request, octets: 0 }));
        }
        listing.lines += 1;
        if listing.lines > listing.limit {
            return Err(Violation::TooManyLines {
                request,
                limit: listing.limit,
            });
        }
        let text = line.slice_ref(text.strip_prefix(b".").unwrap_or(text));
        let event = self.listed_item(request, text)?;
        match event {
            Event::ScanListing(ScanListing { number, .. })
            | Event::UniqueId(UniqueIdListing { number, .. }) => {
                self.check_new(number)?;
            }
            _ => {}
        }
        Ok(Some(event))
    }

    fn check_new(&mut self, number: MessageNumber) -> Result<(), Violation> {
        let Some(Response::Listing(listing)) = &mut self.response else {
            return Ok(());
        };
        if listing.named.insert(number) {
            Ok(())
        } else {
            Err(Violation::Duplicate(number))
        }
    }

    fn listed_item(&mut self, request: Request, line: Bytes) -> Result<Event, Violation> {
        let unreadable = || Violation::Unreadable {
            request,
            line: shown(&self.secrets.redact(&line)),
        };
        match request {
            Request::List(_) => {
                let listing = ScanListing::parse(&line).ok_or_else(unreadable)?;
                self.scan_listing(listing)
            }
            Request::Uidl(_) => {
                let listing = UniqueIdListing::parse(&line).ok_or_else(unreadable)?;
                self.maildrop.check(listing.number)?;
                Ok(Event::UniqueId(listing))
            }
            Request::Capa => {
                self.capabilities.add_line(&line);
                Ok(Event::Line(line))
            }
            _ => Ok(Event::Line(line)),
        }
    }

    /// The item in the status line of STAT, `LIST n` or `UIDL n`.
    fn single_item(&mut self, request: Request, text: &[u8]) -> Result<Event, Violation> {
        let unreadable = || Violation::Unreadable {
            request,
            line: shown(&self.secrets.redact(text)),
        };
        match request {
            Request::List(Some(asked)) => {
                let listing = ScanListing::parse(text).filter(|listing| listing.number == asked);
                self.scan_listing(listing.ok_or_else(unreadable)?)
            }
            Request::Uidl(Some(asked)) => {
                let listing = UniqueIdListing::parse_reply(text, asked);
                listing.map(Event::UniqueId).ok_or_else(unreadable)
            }
            _ => {
                let listing = DropListing::parse(text).ok_or_else(unreadable)?;
                self.maildrop.counted(listing)?;
                Ok(Event::DropListing(listing))
            }
        }
    }

    fn scan_listing(&mut self, listing: ScanListing) -> Result<Event, Violation> {
        self.maildrop.check(listing.number)?;
        self.maildrop.listed(listing.number, listing.octets);
        Ok(Event::ScanListing(listing))
    }

    fn most_lines(&self, request: Request) -> usize {
        match request {
            Request::List(_) | Request::Uidl(_) => {
                usize::try_from(self.maildrop.highest()).unwrap_or(usize::MAX)
            }
            _ => self.limits.capa_lines,
        }
    }
}

impl Body {
    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Received>, Violation> {
        match self.decoder.scan(input) {
            None => Ok(None),
            Some(Scanned::End) => Ok(Some(Received::Event(Event::Finished {
                request: self.request,
                octets: self.octets,
            }))),
            Some(Scanned::Data(length)) => {
                self.octets = self.octets.saturating_add(length as u64);
                if self.octets > self.limit {
                    return Err(Violation::MessageTooLarge {
                        number: self.number,
                        limit: self.limit,
                        listed: self.listed,
                    });
                }
                Ok(Some(Received::Piece(self.number, length)))
            }
        }
    }
}
