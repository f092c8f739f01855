//! What is written in a regression file: enums whose variants are words.

/// Makes an enum of words, with its `Display`, `FromStr` and a list of all.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant),* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),* })
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    other => Err(format!("{other}: no {}", stringify!($name))),
                }
            }
        }
    };
}

/// Makes an enum whose variants are a word followed by fields, with its `Display` and `FromStr`.
macro_rules! sentences {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $word:literal { $($field:ident : $type:ty),* }),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the fields are named by what they are")]
        pub enum $name { $($(#[$doc])* $variant { $($field: $type),* }),* }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$variant { $($field),* } => {
                        f.write_str($word)?;
                        $(write!(f, " {}", $field)?;)*
                        Ok(())
                    })*
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let mut words = text.split_whitespace();
                let sentence = match words.next().unwrap_or_default() {
                    $($word => Self::$variant { $($field: $crate::words::field(&mut words)?),* },)*
                    other => return Err(format!("{other}: nothing that happens")),
                };
                match words.next() {
                    None => Ok(sentence),
                    Some(word) => Err(format!("{text}: {word} is too much")),
                }
            }
        }
    };
}

pub(crate) use {sentences, words};

/// Reads the next word as what it has to be.
pub(crate) fn field<'a, T>(words: &mut impl Iterator<Item = &'a str>) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let word = words.next().ok_or("the line ends too soon")?;
    word.parse().map_err(|error| format!("{word}: {error}"))
}
