//! The typed data while sections are read into it.

use std::path::PathBuf;

use super::access::*;
use super::board::{BoardConfig, PortalConfig, WifiConfig};
use super::types::*;
use crate::base::{AddrRange, Size};

/// What the rows of the table write into: all single sections, and the named section at hand.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) gateway: GatewayConfig,
    pub(super) limits: LimitsConfig,
    pub(super) timeouts: TimeoutsConfig,
    pub(super) cache: CacheConfig,
    pub(super) log: LogConfig,
    pub(super) metrics: MetricsConfig,
    pub(super) link: LinkConfig,
    pub(super) audit: AuditConfig,
    pub(super) portal: PortalConfig,
    pub(super) wifi: WifiConfig,
    pub(super) board: BoardConfig,
    pub(super) tls: TlsConfig,
    pub(super) plan: PlanConfig,
    pub(super) jwt: JwtConfig,
    pub(super) user: UserConfig,
    pub(super) route: RouteDraft,
}

/// A route whose destination is not judged yet.
#[derive(Default)]
pub(super) struct RouteDraft {
    pub(super) matches: MatchConfig,
    pub(super) upstream: Vec<UpstreamUrl>,
    pub(super) files: PathBuf,
    pub(super) index: Vec<String>,
    pub(super) listing: bool,
    pub(super) symlinks: bool,
    pub(super) redirect: String,
    pub(super) redirect_status: u16,
    pub(super) respond_status: u16,
    pub(super) respond_text: String,
    pub(super) respond_type: String,
    pub(super) how: UpstreamConfig,
    pub(super) allow: Vec<AddrRange>,
    pub(super) deny: Vec<AddrRange>,
    pub(super) body: Size,
    pub(super) upgrade: bool,
    pub(super) edit_request: Vec<FieldEdit>,
    pub(super) edit_response: Vec<FieldEdit>,
    pub(super) cache: RouteCacheConfig,
    pub(super) auth: AuthConfig,
    pub(super) limits: RouteLimitsConfig,
    pub(super) content: ContentConfig,
    pub(super) audit: bool,
    pub(super) mask: Vec<String>,
}
