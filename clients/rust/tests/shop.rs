//! A service's tests against a gateway of their own, and the recipe's against one that is
//! hard to reach.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use storegate_sample::gateway::{Deadline, Gateway, connect, is_late, is_unavailable, read};
use storegate_sample::gateway::{reason, violations};
use storegate_sample::proto::shop::v1::category_store_client::CategoryStoreClient;
use storegate_sample::proto::shop::v1::product_store_client::ProductStoreClient;
use storegate_sample::proto::shop::v1::*;
use support::{TestServer, proxy::Proxy};
use tonic::service::Interceptor;
use tonic::{Code, GrpcMethod, Request, Status};

async fn create_category(gateway: &Gateway, slug: &str) -> Result<Category, Status> {
    let category = Category { name: slug.into(), slug: slug.into(), ..Default::default() };
    let request = CreateCategoryRequest { category: Some(category), include: None };
    let response = CategoryStoreClient::new(gateway.clone()).create_category(request).await;
    response.map(|response| response.into_inner())
}

async fn create_products(gateway: &Gateway, count: usize, description: &str) {
    let create = |index| CreateProductRequest {
        product: Some(Product {
            name: format!("Shoe {index:04}"),
            description: description.into(),
            category_slug: "shoes".into(),
            ..Default::default()
        }),
        include: None,
    };
    let requests = (0..count).map(create).collect();
    let request = BatchCreateProductsRequest { requests, allow_partial: false };
    let mut products = ProductStoreClient::new(gateway.clone());
    products.batch_create_products(request).await.expect("they are valid");
}

async fn count_categories(gateway: &Gateway) -> Result<usize, Status> {
    let categories = CategoryStoreClient::new(gateway.clone());
    let request = ListCategoriesRequest::default();
    let list = read(async || categories.clone().list_categories(request.clone()).await).await?;
    Ok(list.categories.len())
}

#[tokio::test]
async fn reset_puts_back_what_the_server_started_with() {
    let seed = std::env::temp_dir().join(format!("storegate-{}.jsonl", std::process::id()));
    let line = r#"{"entity": "Category", "record": {"name": "Hats", "slug": "hats"}}"#;
    std::fs::write(&seed, line).expect("the folder is writable");
    let server = TestServer::start(&["--seed", seed.to_str().expect("a plain path")]);
    std::fs::remove_file(&seed).expect("it was read");
    let gateway = server.gateway();

    create_category(&gateway, "shoes").await.expect("it is new");
    assert_eq!(count_categories(&gateway).await.expect("it serves"), 2);
    server.reset().await;
    assert_eq!(count_categories(&gateway).await.expect("it serves"), 1);

    drop(server);
    let gone = create_category(&gateway, "shoes").await.expect_err("the server is stopped");
    assert!(is_unavailable(&gone), "{gone:?}");
}

#[tokio::test]
async fn pages_hold_each_record_once() {
    let server = TestServer::start(&[]);
    let gateway = server.gateway();
    create_category(&gateway, "shoes").await.expect("it is new");
    create_products(&gateway, 7, "").await;

    let products = ProductStoreClient::new(gateway);
    let mut request =
        ListProductsRequest { page_size: 3, order_by: "name".into(), ..Default::default() };
    let (mut names, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = read(async || products.clone().list_products(request.clone()).await);
        let page = page.await.expect("it serves");
        sizes.push(page.products.len());
        names.extend(page.products.into_iter().map(|product| product.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(sizes, [3, 3, 1]);
    let expected: Vec<_> = (0..7).map(|index| format!("Shoe {index:04}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn errors_say_code_reason_and_violations() {
    let server = TestServer::start(&[]);
    let gateway = server.gateway();
    create_category(&gateway, "shoes").await.expect("it is new");
    let taken = create_category(&gateway, "shoes").await.expect_err("there is one");
    assert_eq!((taken.code(), &*reason(&taken)), (Code::AlreadyExists, "UNIQUE_VIOLATION"));
    let invalid = create_category(&gateway, "Not a slug").await.expect_err("it has a pattern");
    assert_eq!((invalid.code(), &*reason(&invalid)), (Code::InvalidArgument, "INVALID_FIELD"));
    let [(field, description)] = &violations(&invalid)[..] else {
        panic!("{invalid:?}");
    };
    assert_eq!(field, "category.slug");
    assert!(description.contains("Not a slug"), "{description}");

    let bare = Status::internal("of a proxy, say");
    assert_eq!((reason(&bare), violations(&bare)), (String::new(), vec![]));
}

#[test]
fn calls_have_a_deadline_unless_they_stream_or_have_their_own() {
    let timeout = |method, own: Option<Duration>| {
        let mut request = Request::new(());
        request.extensions_mut().insert(GrpcMethod::new("shop.v1.OrderStore", method));
        if let Some(own) = own {
            request.set_timeout(own);
        }
        let request = Deadline(Duration::from_secs(10)).call(request).expect("it refuses none");
        let value = request.metadata().get("grpc-timeout");
        value.map(|value| value.to_str().expect("it is ASCII").to_string())
    };
    assert_eq!(timeout("GetOrder", None).as_deref(), Some("10000000u"));
    assert_eq!(timeout("CreateOrder", None).as_deref(), Some("10000000u"));
    assert_eq!(timeout("GetOrder", Some(Duration::from_secs(1))).as_deref(), Some("1000000u"));
    assert_eq!(timeout("StreamOrders", None), None);
}

#[tokio::test]
async fn a_deadline_that_passed_is_told_from_an_outage() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = silent.local_addr().expect("it is bound").to_string();
    let mut categories = CategoryStoreClient::new(connect(&target).expect("an address"));
    let mut request = Request::new(ListCategoriesRequest::default());
    request.set_timeout(Duration::from_millis(50));
    let late = categories.list_categories(request).await.expect_err("nobody answers");
    assert!(is_late(&late) && !is_unavailable(&late), "{late:?}");
}

#[tokio::test]
async fn a_read_is_repeated_and_a_write_is_not() {
    let server = TestServer::start(&[]);
    let proxy = Proxy::start(&server.target, vec![0, 10, 100]).await;
    let gateway = connect(&proxy.target).expect("an address");
    assert_eq!(count_categories(&gateway).await.expect("the fourth connection holds"), 0);
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 4);

    let proxy = Proxy::start(&server.target, vec![0]).await;
    let gateway = connect(&proxy.target).expect("an address");
    let broken = create_category(&gateway, "shoes").await.expect_err("nobody repeats it");
    assert!(is_unavailable(&broken), "{broken:?}");
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let server = TestServer::start(&[]);
    create_category(&server.gateway(), "shoes").await.expect("it is new");
    // Three messages of about 1 MiB each.
    create_products(&server.gateway(), 300, &"x".repeat(9000)).await;
    let proxy = Proxy::start(&server.target, vec![1_500_000]).await;
    let products = ProductStoreClient::new(connect(&proxy.target).expect("an address"));

    let mut request = StreamProductsRequest { order_by: "name".into(), ..Default::default() };
    let mut names = Vec::new();
    'connections: loop {
        let stream = read(async || products.clone().stream_products(request.clone()).await);
        let mut stream = stream.await.expect("four attempts are enough");
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    names.extend(message.products.into_iter().map(|product| product.name));
                    request.page_token = message.next_page_token;
                }
                Ok(None) => break 'connections,
                Err(status) if is_unavailable(&status) => continue 'connections,
                Err(status) => panic!("{status:?}"),
            }
        }
    }
    let expected: Vec<_> = (0..300).map(|index| format!("Shoe {index:04}")).collect();
    assert_eq!(names, expected);
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 2);
}
