//! A fake Redis, whose replies the test determines.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A command, split into its words.
pub(crate) type Words = Vec<Vec<u8>>;

#[derive(Clone)]
pub(crate) struct Fake {
    port: u16,
    received: Arc<Mutex<Vec<Words>>>,
}

impl Fake {
    /// Starts a server that replies to each command with the bytes that `answer` returns for the
    /// number of the connection and the command. Without bytes there is no reply.
    pub(crate) fn start(answer: impl Fn(usize, &Words) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self { port: listener.local_addr().unwrap().port(), received: Arc::default() };
        let (answer, running) = (Arc::new(answer), fake.clone());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (answer, running) = (Arc::clone(&answer), running.clone());
                thread::spawn(move || running.serve(&stream.unwrap(), &|words| answer(number, words)));
            }
        });
        fake
    }

    /// Starts a server that replies to every command with the same bytes.
    pub(crate) fn always(answer: &[u8]) -> Self {
        let answer = answer.to_vec();
        Self::start(move |_, _| answer.clone())
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the commands received since the last call.
    pub(crate) fn take(&self) -> Vec<Words> {
        std::mem::take(&mut *self.received.lock().unwrap())
    }

    pub(crate) fn has_received(&self) -> bool {
        !self.received.lock().unwrap().is_empty()
    }

    fn serve(&self, mut stream: &TcpStream, answer: &dyn Fn(&Words) -> Vec<u8>) {
        // Otherwise the second of two replies would wait until the client has acknowledged the
        // first. The client does not wait that long.
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(words) = read_command(&mut reader) {
            let reply = answer(&words);
            self.received.lock().unwrap().push(words);
            if stream.write_all(&reply).is_err() {
                return;
            }
        }
    }
}

fn read_command(reader: &mut BufReader<TcpStream>) -> Option<Words> {
    let count = read_number(reader, '*')?;
    (0..count)
        .map(|_| {
            let length = read_number(reader, '$')?;
            let mut word = vec![0; length + 2];
            reader.read_exact(&mut word).ok()?;
            word.truncate(length);
            Some(word)
        })
        .collect()
}

fn read_number(reader: &mut BufReader<TcpStream>, mark: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(mark)?.parse().ok()
}
