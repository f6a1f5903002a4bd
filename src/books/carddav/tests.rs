//! A server that answers as is written down, for what real servers do and the tested ones do not.
