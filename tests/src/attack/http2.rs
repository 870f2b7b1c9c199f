//! One connection of HTTP/2 whose owner decides about every frame, and how fast answers are read.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::Mutex,
    task::JoinHandle,
    time::sleep,
};

use super::{
    field::Field,
    flow::Flow,
    frames::{self, DEFAULT_WINDOW, HEADER, INITIAL_WINDOW_SIZE, MOST},
    stranger::{Stranger, Tls},
};

/// How answers are read.
#[derive(Clone, Copy)]
pub(super) enum Appetite {
    /// As they come.
    Hungry,
    /// So many bytes in a second, and no more are asked for at a time.
    Slow(u32),
}

/// An open connection. Dropping it hangs up.
pub(super) struct Http2 {
    field: Field,
    writer: Arc<Mutex<WriteHalf<Tls>>>,
    flow: Arc<Flow>,
    reading: JoinHandle<()>,
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Http2 {
    /// Connects, and says what every client says.
    pub(super) async fn open(
        field: &Field,
        stranger: &Stranger,
        api: SocketAddr,
        appetite: Appetite,
    ) -> io::Result<Self> {
        let (reader, mut writer) = split(stranger.connect(field, api).await?);
        let window = match appetite {
            Appetite::Hungry => DEFAULT_WINDOW,
            Appetite::Slow(rate) => rate,
        };
        let greeting = [frames::PREFACE, &frames::settings(&[(INITIAL_WINDOW_SIZE, window)])].concat();
        writer.write_all(&greeting).await?;
        writer.flush().await?;
        let (writer, flow) = (Arc::new(Mutex::new(writer)), Arc::new(Flow::default()));
        let reader =
            Reader { stream: reader, writer: Arc::clone(&writer), flow: Arc::clone(&flow), appetite };
        Ok(Self { field: field.clone(), writer, flow, reading: tokio::spawn(reader.run()) })
    }

    /// Sends some bytes as they are.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.flow.state().closed {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut writer = self.writer.lock().await;
        writer.write_all(bytes).await?;
        writer.flush().await?;
        self.field.sent(bytes.len());
        Ok(())
    }

    /// Begins a request; with an empty body, or one that is still to come.
    pub(super) async fn request(&self, stream: u32, path: &str, empty: bool) -> io::Result<()> {
        self.flow.state().open(stream);
        let flags = frames::END_HEADERS | if empty { frames::END_STREAM } else { 0 };
        self.write(&frames::frame(frames::HEADERS, flags, stream, &frames::request(path))).await
    }

    /// Sends some of a body, as fast as the other side wants it.
    pub(super) async fn send(&self, stream: u32, mut bytes: &[u8], end: bool) -> io::Result<()> {
        while !bytes.is_empty() {
            let allowed = self.flow.take(stream, bytes.len().min(MOST)).await?;
            let (now, later) = bytes.split_at(allowed.min(bytes.len()));
            let flags = if end && later.is_empty() { frames::END_STREAM } else { 0 };
            self.write(&frames::frame(frames::DATA, flags, stream, now)).await?;
            bytes = later;
        }
        Ok(())
    }

    /// Waits until a request is answered, refused, or cut off.
    pub(super) async fn answered(&self, stream: u32) {
        self.flow.until(|state| state.has_ended(stream)).await;
    }

    /// Waits until the other side hangs up.
    pub(super) async fn closed(&self) {
        self.flow.until(|state| state.closed).await;
    }
}

/// Reads what the other side sends, and answers what has to be answered.
struct Reader {
    stream: ReadHalf<Tls>,
    writer: Arc<Mutex<WriteHalf<Tls>>>,
    flow: Arc<Flow>,
    appetite: Appetite,
}

impl Reader {
    async fn run(mut self) {
        while self.frame().await.is_ok() {}
        self.flow.change(|state| state.closed = true);
    }

    async fn frame(&mut self) -> io::Result<()> {
        let mut header = [0; HEADER];
        self.stream.read_exact(&mut header).await?;
        let [high, middle, low, kind, flags, stream @ ..] = header;
        let mut content = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.stream.read_exact(&mut content).await?;
        let stream = u32::from_be_bytes(stream);
        match kind {
            frames::DATA => self.eat(stream, content.len()).await?,
            frames::SETTINGS if flags & frames::ACK == 0 => {
                for setting in content.as_chunks::<6>().0 {
                    let [high, low, value @ ..] = *setting;
                    if u16::from_be_bytes([high, low]) == INITIAL_WINDOW_SIZE {
                        let window = i64::from(u32::from_be_bytes(value));
                        self.flow.change(|state| state.set_initial(window));
                    }
                }
                self.answer(&frames::frame(frames::SETTINGS, frames::ACK, 0, &[])).await?;
            }
            frames::PING if flags & frames::ACK == 0 => {
                self.answer(&frames::frame(frames::PING, frames::ACK, 0, &content)).await?;
            }
            frames::WINDOW_UPDATE => {
                let more = content.first_chunk().map_or(0, |more| u32::from_be_bytes(*more));
                self.flow.change(|state| state.widen(stream, i64::from(more)));
            }
            frames::GOAWAY => return Err(io::ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
        let ends = match kind {
            frames::DATA | frames::HEADERS => flags & frames::END_STREAM != 0,
            kind => kind == frames::RST_STREAM,
        };
        if ends {
            self.flow.change(|state| {
                state.ended.insert(stream);
            });
        }
        Ok(())
    }

    /// Says that there is room again, sooner or later.
    async fn eat(&mut self, stream: u32, bytes: usize) -> io::Result<()> {
        let Some(more) = u32::try_from(bytes).ok().filter(|more| *more > 0) else { return Ok(()) };
        if let Appetite::Slow(rate) = self.appetite {
            sleep(Duration::from_secs(1) * more / rate).await;
        }
        self.answer(&[frames::window_update(0, more), frames::window_update(stream, more)].concat()).await
    }

    async fn answer(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.writer.lock().await;
        writer.write_all(bytes).await?;
        writer.flush().await
    }
}
