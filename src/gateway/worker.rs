//! One executor thread's own things. A connection lives and dies on one thread, so nothing here needs a lock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use smol::LocalExecutor;

use super::{Gateway, Process};

/// What the tasks of one thread share.
pub(crate) struct Worker {
    pub(crate) executor: LocalExecutor<'static>,
    pub(crate) process: Arc<Process>,
    current: RefCell<Arc<Gateway>>,
    /// Exchanges and fills under way; a drain waits for them.
    active: Cell<usize>,
    draining: Cell<bool>,
}

impl Worker {
    pub(crate) fn new(process: Arc<Process>, gateway: Arc<Gateway>) -> Rc<Worker> {
        Rc::new(Worker {
            executor: LocalExecutor::new(),
            process,
            current: RefCell::new(gateway),
            active: Cell::new(0),
            draining: Cell::new(false),
        })
    }

    /// The configuration in force. An exchange asks once and keeps the answer to its end.
    pub(crate) fn gateway(&self) -> Arc<Gateway> {
        self.current.borrow().clone()
    }

    pub(crate) fn swap(&self, gateway: Arc<Gateway>) {
        *self.current.borrow_mut() = gateway;
    }

    /// From now on every answer closes its connection.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.active.get() == 0
    }

    /// Counts something under way until the value is dropped.
    pub(crate) fn busy(self: &Rc<Worker>) -> Busy {
        self.active.set(self.active.get() + 1);
        Busy(self.clone())
    }
}

/// Something under way on a worker. `Drop` ends it.
pub(crate) struct Busy(Rc<Worker>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
    }
}
