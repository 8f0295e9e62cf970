//! Over a real connection: the same answers and the same refusals as in process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use foryou_proto::phoenix::v1::ranking_service_client::RankingServiceClient;
use foryou_proto::phoenix::v1::retrieval_service_client::RetrievalServiceClient;
use foryou_proto::phoenix::v1::{ActionToken, History, RankCandidate, RankRequest, RetrieveRequest};
use foryou_types::seams::{
    Ranking, RankingRequest, RankingResponse, Retrieval, RetrievalRequest, RetrievalResponse, SeamError,
};
use phoenix::ModelKind;
use phoenix_engine::grpc::{RankingClient, RetrievalClient, ranking_server, retrieval_server};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::transport::{Channel, Server};

use crate::support::{
    NOW, Popular, Prior, bits, checkpoint, clock, corpus, host, rank_request, register, registry, retrieval_request,
};

fn lazy(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// Serves both on a free port.
async fn serve(ranking: Arc<dyn Ranking>, retrieval: Arc<dyn Retrieval>) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(ranking_server(ranking)).add_service(retrieval_server(retrieval));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    lazy(address)
}

#[tokio::test]
async fn the_answers_are_those_given_in_process_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for kind in [ModelKind::Ranker, ModelKind::Retrieval] {
        let name = register(root, &checkpoint(kind, 1));
        registry(root).promote(&name, NOW).unwrap();
    }
    let host = host(root, corpus(60), clock());
    host.refresh();
    let channel = serve(host.ranking(), host.retrieval()).await;
    let ranking = RankingClient::new(channel.clone(), Some(Duration::from_mins(1)));
    let retrieval = RetrievalClient::new(channel, None);
    for (user, tokens, candidates) in [(1, 0, 1), (2, 9, 50), (u64::MAX, 40, 3), (3, 5, 0), (4, 12, 10_000)] {
        let request = rank_request(user % 1_000, tokens, candidates);
        let request = RankingRequest { user_id: foryou_types::UserId(user), ..request };
        let here = host.ranking().rank(request.clone()).await.unwrap();
        let there = ranking.rank(request).await.unwrap();
        assert_eq!(bits(&here), bits(&there));
        assert_eq!(here, there);
        assert_eq!(there.model.as_deref(), Some("ranker-0001"));

        let request = retrieval_request(user, tokens, 25);
        let here = host.retrieval().retrieve(request.clone()).await.unwrap();
        let there = retrieval.retrieve(request).await.unwrap();
        assert_eq!(here, there);
        let score_bits =
            |answer: &RetrievalResponse| answer.posts.iter().map(|p| p.score.to_bits()).collect::<Vec<_>>();
        assert_eq!(score_bits(&here), score_bits(&there));
        assert_eq!((there.posts.len(), there.model.as_deref()), (25, Some("retrieval-0001")));
    }
}

#[tokio::test]
async fn the_prior_has_no_model_on_the_wire_either() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), corpus(3), clock());
    let channel = serve(host.ranking(), host.retrieval()).await;
    let ranked = RankingClient::new(channel.clone(), None).rank(rank_request(1, 3, 2)).await.unwrap();
    assert_eq!((ranked.model, ranked.scores.len()), (None, 2));
    let retrieved = RetrievalClient::new(channel, None).retrieve(retrieval_request(1, 3, 2)).await.unwrap();
    assert_eq!((retrieved.model, retrieved.posts.len()), (None, 1));
}

#[tokio::test]
async fn what_is_no_request_is_an_invalid_argument() {
    let channel = serve(Arc::new(Prior), Arc::new(Popular)).await;
    let mut ranking = RankingServiceClient::new(channel.clone());
    let mut retrieval = RetrievalServiceClient::new(channel);
    let token = ActionToken { post_id: 1, ..ActionToken::default() };
    let candidate = RankCandidate { post_id: 1, ..RankCandidate::default() };
    let histories = [
        History { total: 0, tokens: vec![token] },
        History { total: 2, tokens: vec![token, ActionToken { post_id: 0, ..token }] },
        History { total: 1, tokens: vec![ActionToken { surface: 999, ..token }] },
        History { total: 5_000, tokens: vec![token; 1_025] },
    ];
    let code = async |client: &mut RankingServiceClient<Channel>, request: RankRequest| {
        client.rank(request).await.unwrap_err().code()
    };
    for history in histories {
        let request = RankRequest { history: Some(history.clone()), ..RankRequest::default() };
        assert_eq!(code(&mut ranking, request).await, Code::InvalidArgument);
        let request = RetrieveRequest { history: Some(history), max_results: 5, ..RetrieveRequest::default() };
        assert_eq!(retrieval.retrieve(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    for candidates in [
        vec![RankCandidate { post_id: 0, ..candidate }],
        vec![RankCandidate { surface: 256, ..candidate }],
        vec![candidate; 10_001],
    ] {
        let request = RankRequest { candidates, ..RankRequest::default() };
        assert_eq!(code(&mut ranking, request).await, Code::InvalidArgument);
    }
    for max_results in [0, 10_001, u32::MAX] {
        let request = RetrieveRequest { max_results, ..RetrieveRequest::default() };
        assert_eq!(retrieval.retrieve(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    // All of it left out is a viewer of whom nothing is known.
    let answer = ranking.rank(RankRequest { candidates: vec![candidate], ..RankRequest::default() }).await.unwrap();
    assert_eq!((answer.get_ref().scores.len(), answer.get_ref().num_actions), (4, 4));
}

/// Fails as it was told.
struct Failing(SeamError);

#[async_trait]
impl Ranking for Failing {
    async fn rank(&self, _: RankingRequest) -> Result<RankingResponse, SeamError> {
        Err(self.0.clone())
    }
}

#[async_trait]
impl Retrieval for Failing {
    async fn retrieve(&self, _: RetrievalRequest) -> Result<RetrievalResponse, SeamError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn refusals_keep_their_kind() {
    let why = || "why".to_owned();
    for error in [
        SeamError::BadRequest(why()),
        SeamError::Overloaded(why()),
        SeamError::Unavailable(why()),
        SeamError::DeadlineExceeded,
    ] {
        let channel = serve(Arc::new(Failing(error.clone())), Arc::new(Failing(error.clone()))).await;
        let ranking = RankingClient::new(channel.clone(), None);
        assert_eq!(ranking.rank(rank_request(1, 1, 1)).await, Err(error.clone()));
        let retrieval = RetrievalClient::new(channel, None);
        assert_eq!(retrieval.retrieve(retrieval_request(1, 1, 1)).await, Err(error));
    }
}

/// Answers with rows of different lengths.
struct Ragged;

#[async_trait]
impl Ranking for Ragged {
    async fn rank(&self, _: RankingRequest) -> Result<RankingResponse, SeamError> {
        Ok(RankingResponse { scores: vec![[0.5; 3].into(), [0.5; 2].into()], model: None })
    }
}

/// Never answers.
struct Silent;

#[async_trait]
impl Ranking for Silent {
    async fn rank(&self, _: RankingRequest) -> Result<RankingResponse, SeamError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn late_absent_and_ragged_answers_are_failures() {
    let client = RankingClient::new(serve(Arc::new(Ragged), Arc::new(Popular)).await, None);
    assert!(matches!(client.rank(rank_request(1, 1, 2)).await, Err(SeamError::Internal(_))));

    let channel = serve(Arc::new(Silent), Arc::new(Popular)).await;
    let client = RankingClient::new(channel, Some(Duration::from_millis(100)));
    assert_eq!(client.rank(rank_request(1, 1, 1)).await, Err(SeamError::DeadlineExceeded));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = RankingClient::new(lazy(address), None);
    assert!(matches!(client.rank(rank_request(1, 1, 1)).await, Err(SeamError::Unavailable(_))));
    // It connects as soon as there is someone: the channel is lazy.
    let listener = TcpListener::bind(address).await.unwrap();
    let server = Server::builder().add_service(ranking_server(Arc::new(Prior)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    assert!(client.rank(rank_request(1, 1, 1)).await.is_ok());
}

#[test]
fn the_services_are_in_the_descriptor_set_for_reflection() {
    let set = String::from_utf8_lossy(foryou_proto::FILE_DESCRIPTOR_SET);
    for name in ["foryou.phoenix.v1", "RankingService", "RetrievalService", "foryou/phoenix/v1/history.proto"] {
        assert!(set.contains(name), "{name}");
    }
}
