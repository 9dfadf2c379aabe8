//! What a writer holds does not grow with what it is sent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::{ByteRange, Content};
use wharf_core::BlobWriter;
use wharf_digest::Digest;
use wharf_driver::{
    Capabilities, Checkpoint, Driver, ErrorKind, ListRequest, Listing, MemoryDriver, Metadata,
    Opened, PresignRequest, Published, Put, PutMode, PutOutcome, Result, StoragePath, Upload,
    put_each_in_order,
};
use wharf_storage::Options;

use crate::support::*;

/// Counts the bytes of the buffers that are alive.
#[derive(Clone, Default)]
struct Meter {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Buffer {
    bytes: Vec<u8>,
    meter: Meter,
}

/// Takes its time for an upload, and forgets the bytes.
#[derive(Debug, Default)]
struct Slow(MemoryDriver);

struct SlowUpload {
    size: u64,
    checkpoint: Checkpoint,
}

impl Meter {
    fn buffer(&self, length: usize) -> Bytes {
        let now = self.now.fetch_add(length, Ordering::SeqCst) + length;
        self.most.fetch_max(now, Ordering::SeqCst);
        Bytes::from_owner(Buffer { bytes: vec![b'x'; length], meter: self.clone() })
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.meter.now.fetch_sub(self.bytes.len(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Upload for SlowUpload {
    fn size(&self) -> u64 {
        self.size
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        assert!(pieces.len() <= 64, "{} pieces", pieces.len());
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.size += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(())
    }

    async fn save(&mut self, state: Bytes) -> Result<()> {
        self.checkpoint = Checkpoint { length: self.size, state };
        Ok(())
    }

    async fn read_back(&mut self) -> Result<Content> {
        Err(wharf_driver::Error::new(ErrorKind::Unsupported, "forgotten"))
    }

    async fn publish(&mut self, _target: &StoragePath) -> Result<Published> {
        Ok(Published::New)
    }

    async fn discard(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Driver for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, path: &StoragePath, limit: u64) -> Result<Bytes> {
        self.0.get(path, limit).await
    }

    async fn put(&self, path: &StoragePath, content: Bytes, mode: PutMode) -> Result<PutOutcome> {
        self.0.put(path, content, mode).await
    }

    async fn put_in_order(&self, steps: Vec<Vec<Put>>) -> Result<()> {
        put_each_in_order(self, steps).await
    }

    async fn open(&self, path: &StoragePath, range: Option<ByteRange>) -> Result<Opened> {
        self.0.open(path, range).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Metadata> {
        self.0.stat(path).await
    }

    async fn list(&self, folder: &StoragePath, request: ListRequest<'_>) -> Result<Listing> {
        self.0.list(folder, request).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<()> {
        self.0.delete(path).await
    }

    async fn delete_below(&self, folder: &StoragePath) -> Result<bool> {
        self.0.delete_below(folder).await
    }

    async fn presign(
        &self,
        path: &StoragePath,
        request: &PresignRequest<'_>,
    ) -> Result<Option<String>> {
        self.0.presign(path, request).await
    }

    async fn begin_upload(&self, _: &StoragePath, _: Option<u64>) -> Result<Box<dyn Upload>> {
        Ok(Box::new(SlowUpload { size: 0, checkpoint: Checkpoint::default() }))
    }

    async fn resume_upload(&self, session: &StoragePath) -> Result<Box<dyn Upload>> {
        self.begin_upload(session, None).await
    }

    async fn upload_checkpoint(&self, session: &StoragePath) -> Result<Checkpoint> {
        self.0.upload_checkpoint(session).await
    }
}

async fn writer() -> Box<dyn BlobWriter> {
    let driver: Arc<dyn Driver> = Arc::new(Slow::default());
    begin(&*repository(&driver, Options::default())).await.unwrap()
}

#[tokio::test]
async fn a_fast_client_waits_for_a_slow_disk() {
    let (meter, mut writer) = (Meter::default(), writer().await);
    let chunk = 256 << 10;
    for _ in 0..64 {
        writer.write(meter.buffer(chunk)).await.unwrap();
    }
    writer.commit(&Digest::sha256(&vec![b'x'; 64 * chunk])).await.unwrap();
    assert!(meter.most() <= (2 << 20) + 2 * chunk, "{} bytes held", meter.most());
    assert_eq!(meter.now.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_byte_does_not_keep_its_buffer() {
    let (meter, mut writer) = (Meter::default(), writer().await);
    for _ in 0..10_000 {
        writer.write(meter.buffer(16 << 10).slice(0..1)).await.unwrap();
    }
    writer.commit(&Digest::sha256(&[b'x'; 10_000])).await.unwrap();
    assert!(meter.most() <= 32 << 10, "{} bytes held", meter.most());
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_is_taken_once() {
    let (meter, mut writer) = (Meter::default(), writer().await);
    for _ in 0..16 {
        let write = writer.write(meter.buffer(600 << 10));
        let _ = tokio::time::timeout(Duration::from_micros(100), write).await;
    }
    assert_eq!(writer.size(), 16 * (600 << 10));
    writer.commit(&Digest::sha256(&vec![b'x'; 16 * (600 << 10)])).await.unwrap();
}
