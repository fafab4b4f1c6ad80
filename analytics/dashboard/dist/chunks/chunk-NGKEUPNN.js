import{H as x,b,h as r,i as g,ja as k,ka as p,l as u,la as v,n as h,ya as a}from"./chunk-QADB3CLO.js";var H=["==","!=","=~","!~","=^","!^"],C="segment:",I=/^((?:\\.|[^\\=!])+)(==|!=|=~|!~|=\^|!\^)(.*)$/s;function S(t,e){let n=[""];for(let[s]of t.matchAll(/\\.|[^\\]/gs))s===e?n.push(""):n[n.length-1]+=s;return n}var F=t=>t.replace(/\\(.)/gs,"$1"),j=t=>t.replace(/[;|\\]/g,"\\$&");function m(t){return S(t,";").filter(Boolean).map(e=>{if(e.startsWith(C))return{text:e,segment:F(e.slice(C.length))};let n=I.exec(e);return n?{text:e,field:n[1],operator:n[2],values:S(n[3],"|").map(F)}:{text:e}})}var O=(t,e,n)=>t+e+n.map(j).join("|"),P=t=>"payload."+t.replace(/[\\=!~^;|]/g,"\\$&"),$=t=>t.join(";");function T(t,e,n){let s=m(t).map(o=>o.text);return $(s.flatMap((o,i)=>i===e?n?[n]:[]:[o]))}var A=(t,e)=>$([...new Set([...m(t).map(n=>n.text),e])]);function U(t,e,n){let s=O(e,"==",[n??""]);return m(t).some(o=>o.text===s)}function V(t,e,n){let s=O(e,"==",[n??""]),o=m(t),i=o.filter(c=>!(c.field===e&&c.operator==="=="));return $([...i.map(c=>c.text),...o.some(c=>c.text===s)?[]:[s]])}function W({state:t,go:e,edit:n}){let s=m(t.filter);return s.length?r`<div class="chips" role="group" aria-label=${a("filters")}>
    ${s.map((o,i)=>r`<${M} key=${o.text} term=${o} edit=${()=>n(i)}
      remove=${()=>e({filter:T(t.filter,i)})} />`)}
    <button class="text-btn" onClick=${()=>e({filter:""})}>${a("clearFilters")}</button>
  </div>`:null}function M({term:t,edit:e,remove:n}){let{name:s,values:o}=k(t),i=r`<span class="lbl">${s} <b>${o}</b></span>`;return r`<span class="chip">
    ${t.field?r`<button onClick=${e} title=${a("editFilter")}>${i}</button>`:r`<button disabled>${i}
      </button>`}
    <button aria-label=${a("removeFilter",{name:`${s} ${o}`})} onClick=${n}><${p} name="x" size="13" />
      </button>
  </span>`}function q({state:t,go:e,add:n,save:s}){let[o,i]=b(null),c="segments?site="+encodeURIComponent(g),y=()=>!u&&x(c).then(l=>i(l.segments),()=>i([])),f=m(t.filter).map(l=>l.segment),E=l=>{let d=f.indexOf(l.name);e({filter:d<0?A(t.filter,l.term):T(t.filter,d)})};return r`<${v} kind="filter-menu" icon="filter" label=${r`<span class="short">${a("filter")}
    </span>`} title=${a("filter")+" (/)"} onOpen=${y}>
    <button data-close class="item" onClick=${n}><${p} name="plus" />${a("addFilter")}<kbd class="kbd">/</kbd></button>
    ${t.filter&&h("write")&&r`<button data-close class="item" onClick=${s}>
      <${p} name="check" />${a("saveSegment")}</button>`}
    ${!u&&r`<div class="sep"></div>
    <div class="pop-title">${a("segments")}</div>`}
    ${o&&!o.length&&r`<div class="item none">${a("noSegments")}</div>`}
    ${o&&o.length>0&&r`<div role="menu" aria-label=${a("segments")}>
      ${o.map(l=>r`<button key=${l.id} data-close class="item" role="menuitemcheckbox"
        aria-checked=${f.includes(l.name)}
        title=${l.filter} onClick=${()=>E(l)}><span class="lbl">${l.name}</span></button>`)}
    </div>`}
  <//>`}export{H as a,m as b,O as c,P as d,T as e,A as f,U as g,V as h,W as i,q as j};
