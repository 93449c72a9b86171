//! Answers that are not all there: found again, completed, and lost from complete ones.
