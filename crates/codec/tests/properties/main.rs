//! What holds for every record: `apache-avro` agrees with us in both directions, and no bytes do harm.

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod values;
