//! Symmetric secrets that people hold: of a source, and of the files it sends.

use super::secret_key;
use subtle::ConstantTimeEq as _;

secret_key! {
    /// What a source and the office know together, besides public keys; it keeps clues safe from a quantum computer.
    ContactSecret
}
secret_key! {
    /// What a source's bookmarks are sealed under, derived from the passphrase.
    ParcelSecret
}
secret_key! {
    /// What all chunks of one parcel are sealed under: random, carried in a manifest and a bookmark.
    ParcelKey
}

macro_rules! secret_in_cbor {
    ($($name:ident),*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose().ct_eq(other.expose()).into()
            }
        }
        impl Eq for $name {}

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(self.expose())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                d.bytes()?
                    .try_into()
                    .map(Self::from_bytes)
                    .map_err(|_| minicbor::decode::Error::message("wrong length"))
            }
        }
    )*};
}
secret_in_cbor!(ContactSecret, ParcelKey);
