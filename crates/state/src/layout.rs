//! What the account structs are made of.

use bytemuck::Pod;
use fixed::types::I80F48;

/// Declares plain-bytes structs with their size in bytes, which the compiler checks together with the absence of padding.
/// With `account` in front, the struct is a whole account and its 8-byte tag (its Anchor discriminator) is given too.
macro_rules! layout {
    ($(#[$meta:meta])* account $name:ident [$size:literal] $tag:literal $body:tt) => {
        $(#[$meta])*
        #[cfg_attr(feature = "anchor", anchor_lang::prelude::account(zero_copy, discriminator = $name::TAG))]
        #[cfg_attr(
            not(feature = "anchor"),
            derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable),
            repr(C)
        )]
        pub struct $name $body

        impl $name {
            /// The first eight bytes of the account.
            pub const TAG: &'static [u8] = $tag;
            /// Length of the account's data, tag included.
            pub const ACCOUNT_LEN: usize = 8 + $size;
        }

        impl $crate::layout::Tagged for $name {
            const TAG: &'static [u8] = $name::TAG;
        }

        const _: () = assert!(size_of::<$name>() == $size && align_of::<$name>() == 8);
        const _: () = assert!($name::TAG.len() == 8);
    };
    ($(#[$meta:meta])* part $name:ident [$size:literal] $body:tt) => {
        $(#[$meta])*
        #[cfg_attr(feature = "anchor", anchor_lang::prelude::zero_copy)]
        #[cfg_attr(
            not(feature = "anchor"),
            derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable),
            repr(C)
        )]
        pub struct $name $body

        const _: () = assert!(size_of::<$name>() == $size);
    };
}

/// Asserts at compile time where fields stand, so that an accidental reordering does not compile.
macro_rules! offsets {
    ($name:ident { $($field:ident: $offset:literal),+ $(,)? }) => {
        $(const _: () = assert!(core::mem::offset_of!($name, $field) == $offset);)+
    };
}

layout! {
    /// An [`I80F48`] as two little-endian words.
    #[derive(Debug, Default, PartialEq, Eq, Hash)]
    part StoredI80F48 [16] {
        /// Low word first.
        pub words: [u64; 2],
    }
}

impl StoredI80F48 {
    /// The number.
    pub fn get(&self) -> I80F48 {
        let bits = u128::from(self.words[1]) << 64 | u128::from(self.words[0]);
        I80F48::from_bits(bits as i128)
    }

    /// Replaces the number.
    pub fn set(&mut self, value: I80F48) {
        *self = value.into();
    }

    /// Whether the number is 0.
    pub fn is_zero(&self) -> bool {
        self.words == [0, 0]
    }
}

impl From<I80F48> for StoredI80F48 {
    fn from(value: I80F48) -> Self {
        let bits = value.to_bits() as u128;
        Self {
            words: [bits as u64, (bits >> 64) as u64],
        }
    }
}

/// An account struct that knows its tag.
pub trait Tagged: Pod {
    /// The first eight bytes of the account.
    const TAG: &'static [u8];
}

/// The struct in an account's data: `None` when the tag or the length is another one, or the data is not 8-byte aligned.
pub fn view<T: Tagged>(data: &[u8]) -> Option<&T> {
    let body = data.strip_prefix(T::TAG)?;
    bytemuck::try_from_bytes(body).ok()
}
