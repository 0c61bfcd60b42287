//! The limit on calls: one input's calls to one AWS API, shared by all pullers of the account and region, since that is how
//! AWS counts. Throttling lowers the shared rate; quiet raises it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many calls in so long a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallLimit {
    /// The period.
    pub period: Duration,
    /// Calls allowed in each period.
    pub calls: u32,
}

/// After a throttled call the rate is halved, to this share of the configured one at the least …
const LOWEST_SHARE: f64 = 1.0 / 64.0;

/// … and it comes back by this share of the configured rate with each call that is let through.
const RECOVERY_SHARE: f64 = 1.0 / 50.0;

/// When a call that AWS throttles is tried again if no limit is configured: the pause doubles up to the second value.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A token bucket per API: the limits of all periods hold at once. Cheap to clone; clones share the buckets.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    limits: Arc<[CallLimit]>,
    apis: Arc<Mutex<HashMap<&'static str, Api>>>,
}

#[derive(Debug)]
struct Api {
    buckets: Vec<Bucket>,
    share: f64,
    pause: Duration,
    paused_until: Option<Instant>,
}

#[derive(Debug)]
struct Bucket {
    limit: CallLimit,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant, share: f64) {
        let full = f64::from(self.limit.calls).max(1.0);
        let passed = now.duration_since(self.filled_at).as_secs_f64();
        self.tokens = full.min(self.tokens + passed * self.rate(share));
        self.filled_at = now;
    }

    fn rate(&self, share: f64) -> f64 {
        f64::from(self.limit.calls) * share / self.limit.period.as_secs_f64()
    }

    fn wait(&self, share: f64) -> Duration {
        if self.tokens >= 1.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64((1.0 - self.tokens) / self.rate(share))
            .unwrap_or(self.limit.period)
    }
}

impl Api {
    fn new(limits: &[CallLimit], now: Instant) -> Self {
        let bucket = |limit: &CallLimit| Bucket {
            limit: *limit,
            tokens: f64::from(limit.calls).max(1.0),
            filled_at: now,
        };
        Self {
            buckets: limits.iter().map(bucket).collect(),
            share: 1.0,
            pause: FIRST_PAUSE,
            paused_until: None,
        }
    }

    /// Takes a token from every bucket, or says how long to wait for one.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        self.paused_until = None;
        let share = self.share;
        for bucket in &mut self.buckets {
            bucket.fill(now, share);
        }
        let wait = self.buckets.iter().map(|bucket| bucket.wait(share)).max();
        match wait {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                for bucket in &mut self.buckets {
                    bucket.tokens -= 1.0;
                }
                Ok(())
            }
        }
    }
}

impl Limiter {
    /// A limiter with the given limits; without any, only throttling slows calls down.
    #[must_use]
    pub fn new(limits: &[CallLimit]) -> Self {
        Self {
            limits: limits.into(),
            apis: Arc::default(),
        }
    }

    fn with<T>(&self, api: &'static str, change: impl FnOnce(&mut Api, Instant) -> T) -> T {
        let now = Instant::now();
        let mut apis = self.apis.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = apis
            .entry(api)
            .or_insert_with(|| Api::new(&self.limits, now));
        change(entry, now)
    }

    /// Waits until a call of `api` is allowed. Cancel safe: a call that was not made costs nothing.
    pub async fn acquire(&self, api: &'static str) {
        while let Err(wait) = self.with(api, Api::take) {
            tokio::time::sleep(wait).await;
        }
    }

    /// AWS has throttled a call of `api`: all callers slow down.
    pub fn throttled(&self, api: &'static str) {
        self.with(api, |api, now| {
            api.share = (api.share / 2.0).max(LOWEST_SHARE);
            let pause = api.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            api.paused_until = Some(now + pause);
            api.pause = (api.pause * 2).min(LONGEST_PAUSE);
        });
    }

    /// A call of `api` went through: the rate recovers.
    pub fn succeeded(&self, api: &'static str) {
        self.with(api, |api, _| {
            api.share = (api.share + RECOVERY_SHARE).min(1.0);
            api.pause = FIRST_PAUSE;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "sqs:ReceiveMessage";

    fn limiter(limits: &[(u64, u32)]) -> Limiter {
        let limits: Vec<CallLimit> = limits
            .iter()
            .map(|(seconds, calls)| CallLimit {
                period: Duration::from_secs(*seconds),
                calls: *calls,
            })
            .collect();
        Limiter::new(&limits)
    }

    async fn calls_within(limiter: &Limiter, limit: Duration) -> usize {
        let end = Instant::now() + limit;
        let mut calls = 0;
        while tokio::time::timeout_at(end, limiter.acquire(API))
            .await
            .is_ok()
        {
            calls += 1;
        }
        calls
    }

    #[tokio::test(start_paused = true)]
    async fn all_periods_hold_at_once() {
        let limiter = limiter(&[(1, 5), (60, 100)]);
        let calls = calls_within(&limiter, Duration::from_secs(60)).await;
        // The full bucket at the start, then what the longer period refills.
        assert!((100..=200).contains(&calls), "{calls}");
        let calls = calls_within(&limiter, Duration::from_secs(60)).await;
        assert!((95..=101).contains(&calls), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_and_success_brings_it_back() {
        let limiter = limiter(&[(1, 10)]);
        calls_within(&limiter, Duration::from_secs(10)).await;
        limiter.throttled(API);
        let slowed = calls_within(&limiter, Duration::from_secs(10)).await;
        assert!((40..=51).contains(&slowed), "{slowed}");
        for _ in 0..50 {
            limiter.succeeded(API);
        }
        let recovered = calls_within(&limiter, Duration::from_secs(10)).await;
        assert!((95..=101).contains(&recovered), "{recovered}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_only_throttling_makes_callers_wait() {
        let limiter = Limiter::default();
        let start = Instant::now();
        limiter.acquire(API).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        limiter.throttled(API);
        limiter.acquire(API).await;
        assert!(start.elapsed() >= FIRST_PAUSE / 2);
    }
}
