//! A median, and how far the values lie apart.

/// Of several runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// The middle half: from the first quartile to the third.
    pub(crate) middle: (f64, f64),
}

impl Spread {
    /// None of no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        // The value at so many quarters of the way, between its neighbours where it lies there.
        let at = |quarters: usize| {
            let (whole, rest) = (last * quarters / 4, last * quarters % 4);
            let next = values[(whole + 1).min(last)];
            let rest = [0.0, 0.25, 0.5, 0.75][rest];
            values[whole] + (next - values[whole]) * rest
        };
        Some(Self {
            median: at(2),
            min: values[0],
            max: values[last],
            middle: (at(1), at(3)),
        })
    }

    /// As a person reads it: the median, and in parentheses the smallest and the largest.
    pub(crate) fn text(self, digits: usize) -> String {
        format!(
            "{:.digits$} ({:.digits$}-{:.digits$})",
            self.median, self.min, self.max
        )
    }

    /// Whether it is as good as the other within the noise of both: smaller, or the middle halves touch.
    pub(crate) fn is_no_worse_than(self, other: Self) -> bool {
        self.median <= other.median || self.middle.0 <= other.middle.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_middle_half_around_it() {
        assert!(Spread::of(Vec::new()).is_none());
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 3.0]).expect("there are values");
        assert_eq!((spread.median, spread.min, spread.max), (2.5, 1.0, 4.0));
        assert_eq!(spread.middle, (1.75, 3.25));
        let one = Spread::of(vec![7.0]).expect("there is a value");
        assert_eq!((one.median, one.middle), (7.0, (7.0, 7.0)));
        assert!(spread.is_no_worse_than(one) && !one.is_no_worse_than(spread));
        let near = Spread::of(vec![2.0, 3.0, 4.0, 5.0]).expect("there are values");
        assert!(near.is_no_worse_than(spread), "the halves touch");
    }
}
