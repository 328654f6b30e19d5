//! `aws`: the node's place in AWS and who it is there.

use crate::namespace::namespace;
use crate::types::Base64;
use ampoule_base::SingleLine;

namespace! {
    /// The node's place in AWS, and who it is to services there.
    Aws "aws"
    keys {
        /// The region. Without one the instance's own.
        region "region": SingleLine, r#""eu-west-1""#;
        /// The profile of `config` and `credentials` that programs of the node use.
        profile "profile": SingleLine, r#""default""#;
    }
    secrets {
        /// A file as `~/.aws/config`, in base64.
        config "config": Base64, r#""W2RlZmF1bHRdCg==""#;
        /// A file as `~/.aws/credentials`, in base64.
        credentials "credentials": Base64, r#""W2RlZmF1bHRdCg==""#;
    }
}
