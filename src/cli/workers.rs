//! The executor threads: one per core as a rule, each with its own listeners.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use smol::channel::{self, Receiver, Sender};

use crate::gateway::{Gateway, Process, Worker, attend_providers};
use crate::net::{Listener, run, within};

/// A stack that the deepest exchange fits in several times over; the rest of the default only costs address space.
const STACK: usize = 1024 * 1024;
/// Orders are few (reload, drain) and taken at once.
const ORDERS: usize = 8;

/// What the main thread asks of a worker.
enum Order {
    /// Take over a configuration and its new listeners; those it has no use for were closed by the one who bound them.
    Swap { gateway: Arc<Gateway>, listeners: Vec<Listener> },
    /// Accept nothing more, finish what is under way within the time, then end.
    Drain(Duration),
}

/// The threads, from the side of the main thread.
pub(super) struct Workers {
    orders: Vec<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts one thread for each list of listeners.
    pub(super) fn start(
        process: &Arc<Process>,
        gateway: &Arc<Gateway>,
        listeners: Vec<Vec<Listener>>,
    ) -> io::Result<Workers> {
        let mut workers = Workers { orders: Vec::new(), threads: Vec::new() };
        for (number, listeners) in listeners.into_iter().enumerate() {
            let (sender, orders) = channel::bounded(ORDERS);
            let (process, gateway) = (process.clone(), gateway.clone());
            let thread = std::thread::Builder::new().name(format!("worker {number}")).stack_size(STACK);
            workers.threads.push(thread.spawn(move || work(process, gateway, listeners, &orders))?);
            workers.orders.push(sender);
        }
        Ok(workers)
    }

    pub(super) fn count(&self) -> usize {
        self.orders.len()
    }

    /// Hands every thread the new configuration and its own new listeners.
    pub(super) async fn swap(&self, gateway: &Arc<Gateway>, listeners: Vec<Vec<Listener>>) {
        for (orders, listeners) in self.orders.iter().zip(listeners) {
            self.tell(orders, Order::Swap { gateway: gateway.clone(), listeners }).await;
        }
    }

    pub(super) async fn drain(&self, limit: Duration) {
        for orders in &self.orders {
            self.tell(orders, Order::Drain(limit)).await;
        }
    }

    async fn tell(&self, orders: &Sender<Order>, order: Order) {
        if orders.send(order).await.is_err() {
            log::error!("a worker thread is gone");
        }
    }

    /// Waits until every thread has ended.
    pub(super) async fn ended(self) {
        let threads = self.threads;
        smol::unblock(move || threads.into_iter().for_each(|thread| drop(thread.join()))).await;
    }
}

fn work(process: Arc<Process>, gateway: Arc<Gateway>, listeners: Vec<Listener>, orders: &Receiver<Order>) {
    let worker = Worker::new(process, gateway);
    // Those whom the drain woke to close their connections do so, even where there was nothing to wait for.
    let served = run(async {
        let serving = async {
            let limit = obey(&worker, listeners, orders).await;
            finish(&worker, limit).await;
        };
        smol::future::or(serving, attend_providers(&worker)).await;
    });
    if let Err(cause) = served {
        log::error!("a worker thread cannot wait for its connections: {cause}");
    }
}

/// Serves until told to drain; gives the time that is left for it.
async fn obey(worker: &Rc<Worker>, listeners: Vec<Listener>, orders: &Receiver<Order>) -> Duration {
    listeners.into_iter().for_each(|listener| worker.open(listener));
    loop {
        match orders.recv().await {
            Ok(Order::Swap { gateway, listeners }) => {
                worker.swap(gateway);
                listeners.into_iter().for_each(|listener| worker.open(listener));
            }
            Ok(Order::Drain(limit)) => {
                worker.drain();
                return limit;
            }
            Err(_) => return Duration::ZERO,
        }
    }
}

async fn finish(worker: &Worker, limit: Duration) {
    if within(limit, worker.idle()).await.is_err() {
        log::warn!("the drain took longer than {} s; what is left is cut", limit.as_secs());
    }
}
