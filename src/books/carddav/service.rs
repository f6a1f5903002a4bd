//! Where the DNS says that a domain has CardDAV (RFC 6764, 3 and 4): SRV `_carddavs._tcp`, and the path of its TXT.

use std::time::Duration;

use domain::{
    base::{Message, Name, Rtype},
    rdata::{Srv, Txt},
    resolv::{StubResolver, stub::conf::ResolvConf},
};
use tokio::time::timeout;

/// The service, over TLS; the one without it would take a password in clear.
const SERVICE: &str = "_carddavs._tcp";
/// What is there for other ports to differ from.
const HTTPS_PORT: u16 = 443;

/// Where CardDAV is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    host: String,
    port: u16,
    path: Option<String>,
}

impl Service {
    /// Its address.
    pub fn url(&self) -> String {
        let port = if self.port == HTTPS_PORT { String::new() } else { format!(":{}", self.port) };
        format!("https://{}{port}{}", self.host, self.path.as_deref().unwrap_or("/"))
    }
}

/// The record to ask for.
pub fn record(domain: &str) -> String {
    format!("{SERVICE}.{domain}")
}

/// Asks the DNS, as this machine is set to. None where it has no such record.
///
/// # Errors
/// The DNS gives no answer; a fragment in words.
pub async fn find(dns: ResolvConf, domain: &str, patience: Duration) -> Result<Option<Service>, String> {
    let name: Name<Vec<u8>> = record(domain).parse().map_err(|_| "no name that the DNS can have".to_owned())?;
    let resolver = StubResolver::from_conf(dns);
    let asked = async {
        let srv = resolver.query((&name, Rtype::SRV)).await?;
        let Some((host, port)) = nearest(&srv) else { return Ok(None) };
        // A service without a path is at its root.
        let txt = resolver.query((&name, Rtype::TXT)).await.ok();
        Ok(Some(Service { host, port, path: txt.and_then(|txt| path(&txt)) }))
    };
    match timeout(patience, asked).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(std::io::Error::to_string(&error)),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// The record to try first (RFC 2782); none where there is no service, which a single `.` says too.
fn nearest(answer: &Message<impl AsRef<[u8]>>) -> Option<(String, u16)> {
    let message = Message::from_octets(answer.as_slice()).ok()?;
    let records = message.answer().ok()?.limit_to_in::<Srv<_>>();
    let found = records.flatten().map(|record| {
        let srv = record.data();
        let host = srv.target().to_string().trim_end_matches('.').to_ascii_lowercase();
        (srv.priority(), std::cmp::Reverse(srv.weight()), host, srv.port())
    });
    let (_, _, host, port) = found.min()?;
    (!host.is_empty()).then_some((host, port))
}

/// `path=/dav/` of a TXT record.
fn path(answer: &Message<impl AsRef<[u8]>>) -> Option<String> {
    let message = Message::from_octets(answer.as_slice()).ok()?;
    let texts = message.answer().ok()?.limit_to_in::<Txt<_>>();
    texts.flatten().find_map(|record| {
        record.data().iter().find_map(|pair| {
            let path = std::str::from_utf8(pair).ok()?.strip_prefix("path=")?;
            path.starts_with('/').then(|| path.to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, str::FromStr};

    use domain::{
        base::{MessageBuilder, Ttl, iana::Rcode},
        resolv::stub::conf::{ServerConf, Transport},
    };
    use tokio::net::UdpSocket;

    use super::*;

    type SrvRow = (u16, u16, u16, &'static str);

    /// A DNS server that has these records and answers two questions.
    async fn dns(srv: &'static [SrvRow], txt: &'static [&'static str]) -> ResolvConf {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let address: SocketAddr = socket.local_addr().expect("its address");
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_octets(&buffer[..len]).expect("a question");
                let _ = socket.send_to(&answer(&question, srv, txt), from).await;
            }
        });
        let mut conf = ResolvConf::new();
        conf.servers.push(ServerConf::new(address, Transport::UdpTcp));
        conf.finalize();
        conf
    }

    fn answer(question: &Message<&[u8]>, srv: &[SrvRow], txt: &[&str]) -> Vec<u8> {
        let asked = question.sole_question().expect("one question");
        let mut answer = MessageBuilder::new_vec().start_answer(question, Rcode::NOERROR).expect("room");
        assert_eq!(asked.qname().to_string(), "_carddavs._tcp.example.com");
        let ttl = Ttl::from_secs(60);
        if asked.qtype() == Rtype::SRV {
            for (priority, weight, port, target) in srv {
                let target = Name::<Vec<u8>>::from_str(target).expect("a name");
                answer.push((asked.qname(), ttl, Srv::new(*priority, *weight, *port, target))).expect("room");
            }
        } else {
            for text in txt {
                let text: Txt<Vec<u8>> = Txt::build_from_slice(text.as_bytes()).expect("a text");
                answer.push((asked.qname(), ttl, text)).expect("room");
            }
        }
        answer.finish()
    }

    async fn check(srv: &'static [SrvRow], txt: &'static [&'static str], expected: Option<&str>) {
        let conf = dns(srv, txt).await;
        let found = find(conf, "example.com", Duration::from_secs(20)).await.expect("an answer");
        assert_eq!(found.map(|service| service.url()).as_deref(), expected, "{srv:?} {txt:?}");
    }

    #[tokio::test]
    async fn the_dns_names_host_port_and_path() {
        check(&[], &[], None).await;
        check(&[(0, 0, 0, ".")], &[], None).await;
        check(&[(0, 1, 443, "Dav.Example.com.")], &[], Some("https://dav.example.com/")).await;
        check(&[(0, 1, 8443, "d.example.com.")], &["path=/dav/"], Some("https://d.example.com:8443/dav/")).await;
        check(&[(0, 1, 443, "d.example.com.")], &["x", "path=dav"], Some("https://d.example.com/")).await;
    }

    #[tokio::test]
    async fn the_first_priority_is_tried_and_of_it_the_heaviest() {
        let rows = &[(10, 90, 443, "c.example."), (5, 1, 443, "b.example."), (5, 9, 443, "a.example.")];
        check(rows, &[], Some("https://a.example/")).await;
    }

    #[tokio::test]
    async fn a_dns_without_an_answer_is_told() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let mut conf = ResolvConf::new();
        conf.servers.push(ServerConf::new(socket.local_addr().expect("its address"), Transport::UdpTcp));
        conf.finalize();
        assert_eq!(find(conf, "example.com", Duration::ZERO).await, Err("no answer".to_owned()));
    }
}
