//! One thread writes, and commits many callers' work at once: a commit waits for the disk, whatever is in it.
//!
//! A caller's work runs inside the open transaction and is answered only after the commit. While one commit waits
//! for the disk, the next callers' work gathers. If something fails, everything since the last commit is undone,
//! and each piece of work is then tried alone, so that a bad one harms no other.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::Failure;

/// So many callers' work in one commit, at the most.
const GROUP: usize = 1000;

pub(super) struct Writer {
    // Taken on drop: the thread ends when nobody can send any more.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// A caller's work. It may be run more than once; only what the last run did is committed.
trait Job: Send {
    fn run(&mut self, connection: &Connection) -> Result<(), Failure>;
    fn answer(self: Box<Self>, committed: Result<(), Failure>);
}

struct Asked<F, T> {
    work: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<F, T> Job for Asked<F, T>
where
    F: FnMut(&Connection) -> Result<T, Failure> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), Failure> {
        self.outcome = Some((self.work)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Failure>) {
        let Self { outcome, reply, .. } = *self;
        let answer = committed.and_then(|()| outcome.ok_or_else(stopped));
        // Nobody listens any more when the caller was cancelled; its work is done all the same.
        let _ = reply.send(answer);
    }
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("counterfoil-writer".to_owned())
            .spawn(move || run(&connection, &queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` in a transaction and returns once it is durable. An error writes nothing, unless it is said
    /// that this isn't known.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Failure>
    where
        F: FnMut(&Connection) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Asked { work, outcome: None, reply });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(stopped)?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The file is closed and its lock may go only when the last commit is done.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, queue: &mpsc::Receiver<Box<dyn Job>>) {
    while let Ok(first) = queue.recv() {
        let mut jobs = vec![first];
        jobs.extend(queue.try_iter().take(GROUP - 1));
        match commit(connection, &mut jobs) {
            Ok(()) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(failure) if jobs.len() == 1 => {
                jobs.into_iter().for_each(|job| job.answer(Err(failure.clone())))
            }
            Err(_) => {
                for job in jobs {
                    let mut alone = [job];
                    let outcome = commit(connection, &mut alone);
                    let [job] = alone;
                    job.answer(outcome);
                }
            }
        }
    }
}

fn commit(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    let outcome = begin(connection)
        .and_then(|()| jobs.iter_mut().try_for_each(|job| job.run(connection)))
        .and_then(|()| Ok(connection.prepare_cached("COMMIT")?.execute([]).map(drop)?));
    if outcome.is_err() && !connection.is_autocommit() {
        // A full disk may have undone it already.
        // <https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction>
        if let Err(error) = connection.execute_batch("ROLLBACK") {
            tracing::error!(%error, "a failed transaction could not be undone");
        }
    }
    outcome
}

fn begin(connection: &Connection) -> Result<(), Failure> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    Ok(())
}

fn stopped() -> Failure {
    Failure::Failed("its writer has stopped".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch("CREATE TABLE t (n INTEGER)").expect("creates");
        Writer::start(connection).expect("starts")
    }

    fn insert(n: i64) -> impl FnMut(&Connection) -> Result<(), Failure> + Send + 'static {
        move |connection| Ok(connection.execute("INSERT INTO t VALUES (?1)", [n]).map(drop)?)
    }

    async fn rows(writer: &Writer) -> Vec<i64> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("SELECT n FROM t ORDER BY n")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<Vec<i64>, _>>()?)
        };
        writer.write(read).await.expect("reads")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_fails_harms_none_of_those_it_is_committed_with() {
        let writer = Arc::new(writer());
        // Holds the thread until all the others wait, so that they are one group.
        let gate = Arc::new(Barrier::new(2));
        let holding = tokio::spawn({
            let (writer, gate) = (writer.clone(), gate.clone());
            async move {
                let hold = move |_: &Connection| {
                    gate.wait();
                    gate.wait();
                    Ok(())
                };
                writer.write(hold).await
            }
        });
        gate.wait();
        let runs = Arc::new(AtomicUsize::new(0));
        let bad = {
            let runs = runs.clone();
            move |connection: &Connection| {
                runs.fetch_add(1, Ordering::SeqCst);
                insert(666)(connection)?;
                Err::<(), _>(Failure::Failed("on purpose".to_owned()))
            }
        };
        let all = futures::future::join4(
            writer.write(insert(1)),
            writer.write(bad),
            writer.write(insert(2)),
            async { gate.wait() },
        );
        let (first, bad, second, _) = all.await;
        holding.await.expect("ends").expect("writes");
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert_eq!(bad, Err(Failure::Failed("on purpose".to_owned())));
        assert_eq!(rows(&writer).await, [1, 2]);
        assert_eq!(runs.load(Ordering::SeqCst), 2, "once with the others, once alone");
    }

    #[tokio::test]
    async fn work_whose_caller_is_gone_is_done_all_the_same() {
        let writer = writer();
        // Holds the thread until the caller is gone, however quick it is.
        let gate = Arc::new(Barrier::new(2));
        let held = {
            let gate = gate.clone();
            move |connection: &Connection| {
                gate.wait();
                insert(1)(connection)
            }
        };
        let mut abandoned = Box::pin(writer.write(held));
        assert!(futures::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        gate.wait();
        assert_eq!(rows(&writer).await, [1]);
    }
}
