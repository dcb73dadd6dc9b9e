//! What a map owns alone: for hosts whose cycle collector asks who holds what.

use triomphe::Arc;

use super::TickMap;
use super::node::Node;

impl<K, V, T> TickMap<K, V, T> {
    /// Visits the values of nodes that no other map shares. O(nodes that are not shared).
    pub fn for_each_owned<'a, E>(&'a self, mut visit: impl FnMut(&'a V) -> Result<(), E>) -> Result<(), E> {
        let mut open: Vec<&'a Arc<Node<K, V, T>>> = self.root.iter().collect();
        while let Some(node) = open.pop() {
            if Arc::strong_count(node) > 1 {
                continue;
            }
            match &**node {
                Node::Leaf(slots) => slots.iter().try_for_each(|slot| visit(&slot.value))?,
                Node::Inner(children) => open.extend(children.iter().map(|child| &child.node)),
            }
        }
        Ok(())
    }
}
