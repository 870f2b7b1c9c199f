//! The call that carries the seed.

use contrast_attestation::atls::grpc::Channel;
use contrast_proto::userapi::{RecoverRequest, RecoverResponse};
use prost::{EncodeError, Message, bytes::BufMut};
use tonic::{
    Code, Request, Response, Status,
    client::Grpc,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};
use tonic_prost::{ProstCodec, ProstDecoder};
use zeroize::Zeroize;

const RECOVER: &str = "/edgelesssys.contrast.userapi.UserAPI/Recover";

/// `UserAPI.Recover`, which wipes the seed in the request as soon as it is encoded.
pub(super) async fn recover(
    channel: Channel,
    request: RecoverRequest,
) -> Result<Response<RecoverResponse>, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    grpc.unary(Request::new(request), PathAndQuery::from_static(RECOVER), SeedCodec).await
}

struct SeedCodec;

impl Codec for SeedCodec {
    type Encode = RecoverRequest;
    type Decode = RecoverResponse;
    type Encoder = Wiping;
    type Decoder = ProstDecoder<RecoverResponse>;

    fn encoder(&mut self) -> Wiping {
        Wiping
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<RecoverRequest, RecoverResponse>::default().decoder()
    }
}

struct Wiping;

impl Encoder for Wiping {
    type Item = RecoverRequest;
    type Error = Status;

    fn encode(&mut self, mut request: RecoverRequest, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        encode_and_wipe(&mut request, buffer).map_err(|error| Status::new(Code::Internal, error.to_string()))
    }
}

fn encode_and_wipe(request: &mut RecoverRequest, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
    let encoded = request.encode(buffer);
    request.seed.zeroize();
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_sent_and_then_wiped() {
        let mut request = RecoverRequest { seed: vec![7; 64], salt: vec![8; 32], ..Default::default() };
        let sent = request.clone();
        let mut buffer = Vec::new();
        encode_and_wipe(&mut request, &mut buffer).unwrap();
        assert_eq!(RecoverRequest::decode(buffer.as_slice()).unwrap(), sent);
        assert!(request.seed.is_empty(), "wiped and emptied");
    }
}
