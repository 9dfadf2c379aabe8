//! The registry in memory keeps what every registry promises.

use std::sync::Arc;

use wharf_core::memory::MemoryNamespace;

wharf_testkit::namespace_suite!(memory, new: async { Arc::new(MemoryNamespace::new()) });
